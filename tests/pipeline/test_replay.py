"""Evolve again from dumps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("made", "asked", "hint"),
    [
        ({"overview__heads": 2}, {}, "made with overview.heads = 2, and recipe fast says 0"),
        ({}, {"overview__heads": 2}, "made with overview.heads = 0, and recipe fast says 2"),
        (
            {"overview__heads": "0.1 3.0", "overview__capture": "layers"},
            {"overview__heads": "3.0", "overview__capture": "layers"},
            """evolve it with --set 'overview.heads="0.1 3.0"'""",
        ),
    ],
)
def test_maps_of_other_heads_than_asked_are_refused(
    tmp_path: Path, made: dict[str, Any], asked: dict[str, Any], hint: str
) -> None:
    world, out = write_world(tmp_path, **made), DumpStore(tmp_path / "out")
    with pytest.raises(DumpError, match=re.escape(hint)):
        next(replay(world.store, out, recipe(**asked)))
    assert len(list(replay(world.store, out, recipe(**made)))) == 4, "its own recipe evolves it"


def test_maps_of_named_heads_are_of_no_depths(tmp_path: Path) -> None:
    """Where heads are named, their layers are read, whatever depths the recipe names beside."""
    named = {"overview__heads": "0.1 3.0 of vlm at rev-v", "overview__capture": "layers"}
    world = write_world(tmp_path, **named)
    depths = recipe(**named, overview__layers="10%-20%", overview__weights=[1.0])
    assert len(list(replay(world.store, DumpStore(tmp_path / "out"), depths))) == 4
