"""Dumps: a damaged file is never taken for a map, and what a file says of itself may be anything."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from tests.dumps.world import recipe, write_world
from tests.fuzz.damage import damaged_bytes, damaged_value
from zeroov.dumps import Dump, DumpStore, read_dump, store
from zeroov.dumps.export import export, quantise_all
from zeroov.dumps.inventory import groups, take_inventory, used_by
from zeroov.dumps.values import to_affinity, to_evolved, to_overview
from zeroov.errors import DumpError
from zeroov.pipeline.replay import replay

VALUES: dict[str, Any] = {"overview": to_overview, "focus": to_affinity, "evolve": to_evolved}


def damaged(random: Random, folder: Path) -> None:
    """Read a dump with faults in its bytes: refused, or the very same."""
    whole = random.choice(_whole(folder.parent))
    path = folder / whole.path.name
    path.write_bytes(damaged_bytes(random, whole.path.read_bytes()))
    read = read_dump(path)
    assert (read.stage, read.key, read.about) == (whole.stage, whole.key, whole.about), (
        "another header passes for whole"
    )
    assert read.arrays.keys() == whole.arrays.keys(), "other arrays pass for whole"
    for name, array in read.arrays.items():
        assert np.array_equal(array, whole.arrays[name]), f"another array `{name}` passes for whole"


def strange(random: Random, folder: Path) -> None:
    """Use a folder in which a dump, whole by its checksum, says odd things of itself."""
    dumps = _whole(folder.parent)
    for dump in dumps:
        (folder / dump.path.name).write_bytes(dump.path.read_bytes())
    whole = random.choice(dumps)
    (folder / whole.path.name).write_bytes(_resaved(random, whole.path))
    maps = DumpStore(folder)
    inventory = take_inventory(folder, thorough=random.random() < 0.7)
    for entries in groups(inventory).values():
        for entry in entries:
            assert entry.dump
            used_by(entry.dump, recipe())
    assert len(inventory.orphans) <= len(dumps)
    work = random.randrange(4)
    out = folder / "out"
    if work == 0:
        list(export(maps, out))
    elif work == 1:
        list(quantise_all(maps, DumpStore(out)))
    elif work == 2:
        list(replay(maps, DumpStore(out), recipe()))
    else:
        for stage in VALUES:
            for dump in maps.all(stage):
                try:
                    VALUES[stage](dump)
                except DumpError:
                    continue


@functools.cache
def _whole(folder: Path) -> list[Dump]:
    """Return the dumps of a few samples, written once."""
    world = write_world(folder / "dumps")
    return [read_dump(path) for path in sorted(world.maps.iterdir())[:9]]


def _resaved(random: Random, path: Path) -> bytes:
    """Return a dump's file with faults in its header or its arrays, and a checksum that fits."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["zeroov"])
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    if random.random() < 0.7:
        header = damaged_value(random, header)
    elif random.random() < 0.5:
        del stored[random.choice(list(stored))]
    else:
        name = random.choice(list(stored))
        array = stored[name]
        odd = (array[:1], array.reshape(-1), array[..., None], array.astype(np.float64), np.zeros(0, np.float32))
        stored[name] = np.ascontiguousarray(random.choice((*odd, np.full_like(array, 255))))
    text = json.dumps(header, ensure_ascii=random.random() < 0.5).encode("utf-8", "replace").decode()
    return save(stored, metadata={"zeroov": text, "crc32": str(store._checksum(stored, text))})
