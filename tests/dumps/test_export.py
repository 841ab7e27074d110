from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.dumps.world import GRID, HW, write_world
from zeroov.dumps.export import export
from zeroov.dumps.values import to_affinity, to_evolved, to_overview


def test_one_npz_a_sample_with_every_array_by_name(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    paths = list(export(world.store, tmp_path / "npz"))
    assert len(paths) == 4
    seen = set()
    for path in paths:
        with np.load(path) as arrays:
            about = json.loads(str(arrays["about"]))
            overview, focus, evolve = (world.store.read(header["stage"], header["key"]) for header in about)
            assert overview
            assert focus
            assert evolve
            np.testing.assert_array_equal(arrays["overview_layers"], to_overview(overview).layers)
            assert arrays["overview_layer_numbers"].tolist() == [0, 1, 2, 3]
            assert arrays["overview_cross"].shape == (GRID, GRID)
            np.testing.assert_array_equal(arrays["focus_affinity"], to_affinity(focus).matrix)
            assert arrays["focus_grid_hw"].tolist() == [GRID, GRID]
            np.testing.assert_array_equal(arrays["evolve_mask"], to_evolved(evolve).mask)
            assert arrays["evolve_mask"].shape == HW[Path(about[0]["picture"]["source"]).stem]
            seen.add((about[0]["picture"]["digest"], about[0]["expression"]))
            assert path.name.startswith(Path(about[0]["picture"]["source"]).stem + "-")
    assert len(seen) == 4, "two phrases on one picture are two samples"


def test_several_settings_are_told_apart_by_their_keys_and_lone_focus_dumps_stay(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    write_world(tmp_path, focus__t=300)
    gone, *_ = sorted(world.maps.glob("*.overview.*"))
    gone.unlink()
    paths = list(export(world.store, tmp_path / "npz"))
    assert len(paths) == 3 + 2, "the two focus dumps of the picture without an overview"
    with np.load(paths[0]) as arrays:
        assert sum(name.startswith("focus_") and name.endswith("_affinity") for name in arrays) == 2
        assert "focus_affinity" not in arrays
    with np.load(paths[-1]) as arrays:
        assert set(arrays) == {"focus_affinity", "focus_grid_hw", "about"}


def test_a_damaged_dump_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = write_world(tmp_path)
    for path in world.maps.glob("*.evolve.*"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    for path in export(world.store, tmp_path / "npz"):
        with np.load(path) as arrays:
            assert not any(name.startswith("evolve_") for name in arrays)
    assert caplog.text.count("checksum") == 4
