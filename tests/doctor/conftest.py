from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zeroov import recipe as recipes
from zeroov.doctor.check import Check
from zeroov.doctor.examine import examine
from zeroov.ground import Pipeline
from zeroov.recipe import Recipe

SMALL = {
    "overview.max_new_tokens": 2,
    "overview.max_pixels": 40_000,
    "focus.resize_to": 128,
    "focus.grids": [16, 8],
    "focus.working_grid": 16,
}


@pytest.fixture(scope="session")
def small(tiny: Path) -> Recipe:
    """The recipe `tiny` on small pictures, its models named as a user names folders."""
    named = {
        "overview.model": str(tiny / "vlm"),
        "focus.model": str(tiny / "diffusion"),
        "refine.checkpoint": str(tiny / "sam.pth"),
    }
    return recipes.load("tiny", SMALL | named)


@pytest.fixture
def pipeline(small: Recipe) -> Iterator[Pipeline]:
    with Pipeline(small, "cpu") as opened:
        yield opened


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a copy of a tiny part, to be damaged."""

    def make(part: str) -> Path:
        source, target = tiny / part, tmp_path / "copies" / part
        target.parent.mkdir(exist_ok=True)
        return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target))

    return make


def lines(recipe: Recipe, device: str = "cpu") -> dict[str, Check]:
    """Return what the doctor finds, by name."""
    found = list(examine(recipe, device, "--recipe mine"))
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}
