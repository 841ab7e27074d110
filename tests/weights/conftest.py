from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty Hugging Face cache."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def copy_of(tiny: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a copy of a tiny part, to be damaged at will."""

    def make(part: str) -> Path:
        target = tmp_path / f"my-{part}"
        return Path(shutil.copytree(tiny / part, target))

    return make


def cached(hub: Path, folder: Path, reference: str, commit: str = COMMIT, ref: str | None = "main") -> Path:
    """Put a copy of `folder` into the hub cache as huggingface_hub lays it out."""
    home = hub / f"models--{reference.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    if ref:
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / ref).write_text(commit)
    return snapshot
