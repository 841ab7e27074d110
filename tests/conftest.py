"""Fixtures: the real model classes at tiny size, built once a session; nothing of the user's is read or written."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("zeroov", deadline=None)  # seconds say nothing on a machine that does other work beside
settings.load_profile("zeroov")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several workers with threads of their own slow each other

if TYPE_CHECKING:
    from zeroov.pipeline.models import LoadedModels

SLOW = {line.split()[1] for line in (Path(__file__).parent / "slow.txt").read_text().splitlines() if line[0] != "#"}
IMPORTED = [0]  # modules, when garbage was last looked for among all that is loaded
SHARED = Path(__file__).resolve().parents[2] / "shared"  # the maintainers' reference material, where a checkout has it
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are listed as slow."""
    for item in items:
        path, _, name = item.nodeid.partition("[")[0].partition("::")
        if not SLOW.isdisjoint((f"{path}::{name}", path, f"{Path(path).parent.as_posix()}/")):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup() -> None:
    """Let a test read the log, as if no test before it had run the command line, which keeps the log to itself.

    Looks for garbage pass over what was imported: torch and its libraries make each of them take half a second, and a
    pipeline looks whenever it drops a model.
    """
    logging.getLogger("zeroov").propagate = True
    if len(sys.modules) != IMPORTED[0]:
        IMPORTED[0] = len(sys.modules)
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the session its own cache folder and hub cache."""
    cache = tmp_path_factory.mktemp("cache")
    kept = {name: os.environ.get(name) for name in ("ZEROOV_CACHE", "HF_HOME")}
    os.environ["ZEROOV_CACHE"] = str(cache / "zeroov")
    os.environ["HF_HOME"] = str(cache / "huggingface")
    yield cache
    for name, value in kept.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def tiny(own_cache: Path) -> Path:
    """The folder of the tiny models: vlm, diffusion, sam.pth."""
    from zeroov.tiny.build import ensure

    folder = own_cache / "tiny"
    for part in ("vlm", "diffusion", "sam.pth"):
        ensure(part, folder)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


KEPT: dict[str, Any] = {}  # builtin models by what loads them


@pytest.fixture(scope="module")
def kept_models() -> Iterator[None]:
    """Load each builtin model once for all tests of the modules that use this: every pipeline of theirs gets it."""
    from zeroov.pipeline.models import LoadedModels

    original = LoadedModels._load

    def kept(self: LoadedModels, stage: Any, found: Any) -> Any:
        if not found.reference.startswith("builtin:"):
            return original(self, stage, found)
        key = repr((found, getattr(self.recipe, stage), self.recipe.runtime.offload, self.device))
        if key not in KEPT:
            KEPT[key] = original(self, stage, found)
        return KEPT[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedModels, "_load", kept)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The maintainers' reference material; tests that need it are skipped where a checkout lacks it."""
    if not SHARED.is_dir():
        pytest.skip("needs the maintainers' reference material beside the checkout")
    return SHARED
