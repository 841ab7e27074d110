from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.dumps.world import recipe, write_world
from zeroov.dumps.inventory import groups, remove, take_inventory, used_by
from zeroov.errors import DumpError, OutputError


def spoil(folder: Path) -> dict[str, Path]:
    """Damage one dump of each stage in its own way; return them."""
    found = {stage: sorted(folder.glob(f"*.{stage}.safetensors"))[0] for stage in ("overview", "focus", "evolve")}
    found["overview"].write_bytes(found["overview"].read_bytes()[:-7])
    data = bytearray(found["focus"].read_bytes())
    data[-3] ^= 4
    found["focus"].write_bytes(bytes(data))
    found["evolve"].write_bytes(b"")
    return found


def test_a_folder_is_told_by_stage_and_settings(tmp_path: Path) -> None:
    write_world(tmp_path)
    world = write_world(tmp_path, evolve__alpha=0.2)
    inventory = take_inventory(world.maps, thorough=True)
    assert {(stage, len(entries)) for (stage, _), entries in groups(inventory).items()} == {
        ("overview", 4),
        ("focus", 4),
        ("evolve", 4),
    }
    assert len(groups(inventory)) == 4, "two settings of evolve"
    assert not inventory.damaged
    assert not inventory.orphans
    assert inventory.others == 0


def test_damage_leftovers_orphans_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    spoiled = spoil(world.maps)
    (world.maps / "notes.txt").write_text("mine")
    (world.maps / "weights.safetensors").write_bytes(b"mine")
    (world.maps / "sub").mkdir()
    (world.maps / f"{'a' * 32}.focus.safetensors").symlink_to(tmp_path / "nowhere")
    (world.maps / f".zeroov-{'0' * 32}.tmp").write_bytes(b"half")
    quick, thorough = take_inventory(world.maps), take_inventory(world.maps, thorough=True)
    assert quick.others == thorough.others == 4
    assert len(quick.leftovers) == 1
    assert {entry.path for entry in thorough.damaged} == set(spoiled.values())
    assert {entry.path for entry in quick.damaged} == {spoiled["overview"], spoiled["evolve"]}, "headers alone"
    assert len(thorough.orphans) <= 1
    key = spoiled["overview"].name[:32]
    assert all(entry.dump and entry.dump.about["settings"]["overview"] == key for entry in thorough.orphans)


def test_a_renamed_dump_and_one_without_its_arrays_are_damaged(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    [first, *_] = sorted(world.maps.glob("*.focus.*"))
    first.rename(world.maps / f"{'b' * 32}.focus.safetensors")
    about = next(world.store.all("focus")).about
    world.store.write("focus", "c" * 32, {"other": np.zeros(3)}, about)
    faults = [entry.fault for entry in take_inventory(world.maps, thorough=True).damaged]
    assert len(faults) == 2
    assert "not what its name says" in faults[0]
    assert "lacks" in faults[1]
    world.store.write("focus", "d" * 32, {"other": np.zeros(3)}, {"settings": {}})
    assert any("does not say `picture`" in entry.fault for entry in take_inventory(world.maps).damaged)


def test_an_empty_and_an_absent_folder(tmp_path: Path) -> None:
    assert take_inventory(tmp_path).entries == ()
    with pytest.raises(DumpError, match="--dumps DIR"):
        take_inventory(tmp_path / "none")


def test_a_recipe_s_own_dumps_are_known(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    write_world(tmp_path, focus__t=300)
    write_world(tmp_path, evolve__alpha=0.2)
    entries = take_inventory(world.maps).readable
    own = [entry.stage for entry in entries if entry.dump and used_by(entry.dump, recipe())]
    # The two Focus settings share Evolve's thresholds, so the results of both are the recipe's.
    assert {stage: own.count(stage) for stage in ("overview", "focus", "evolve")} == {
        "overview": 4,
        "focus": 4,
        "evolve": 8,
    }
    other = recipe(evolve__k=1, focus__seed=1, overview__prompt="{expression}")
    assert not any(used_by(entry.dump, other) for entry in entries if entry.dump)


def test_removing_says_what_it_freed_and_forgives_what_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = write_world(tmp_path)
    entries = take_inventory(world.maps).entries
    entries[0].path.unlink()
    assert remove(entries[:2]) == entries[1].bytes

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        remove(entries[2:3])


def test_ages_are_counted_from_the_writing(tmp_path: Path) -> None:
    world = write_world(tmp_path)
    [path, *_] = sorted(world.maps.iterdir())
    os.utime(path, (time.time() - 1000, time.time() - 1000))
    assert take_inventory(world.maps).entries[0].seconds == pytest.approx(1000, abs=60)
