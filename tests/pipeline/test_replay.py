"""Evolve again from dumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dumps.world import recipe, write_world
from zeroov.dumps import DumpStore
from zeroov.errors import DumpError
from zeroov.pipeline.replay import replay


def test_the_dumps_of_a_search_are_parts_of_no_picture(tmp_path: Path) -> None:
    """A look at the whole scene, reduced, is one of them: it has no Focus map, and nobody can make one."""
    world, parts = write_world(tmp_path), DumpStore(tmp_path / "parts")
    for dump in world.store.all("overview"):
        picture = {**dump.about["picture"], "window": [0, 0, 900, 600]}
        parts.write("overview", dump.key, dump.arrays, {**dump.about, "picture": picture})
    with pytest.raises(DumpError, match="parts of searched scenes alone"):
        next(replay(parts, DumpStore(tmp_path / "out"), recipe()))


def test_a_sample_without_its_map_costs_itself_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = write_world(tmp_path)
    samples = len(list(world.store.all("overview")))
    missing = next(iter(world.store.all("focus")))
    missing.path.unlink()
    evolved = []
    with pytest.raises(DumpError, match=f"1 of {samples} samples could not be evolved"):
        evolved += replay(world.store, DumpStore(tmp_path / "out"), recipe())
    assert len(evolved) == samples - 1
    assert "not evolved: no focus dump for" in caplog.text
