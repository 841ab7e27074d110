"""What a dump says about itself is checked when it is read: a wrong entry is damage, and nobody meets it later."""

from __future__ import annotations

import copy
import json
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dumps.world import World, recipe, write_world
from zeroov.bench.sweeps.maps import Maps
from zeroov.cli.dumps.main import _document
from zeroov.dumps import DumpStore, fitting, focus_index, read_dump
from zeroov.dumps.compress import pack, unpack
from zeroov.dumps.export import export, quantise_all
from zeroov.dumps.inventory import TO_VALUE, groups, take_inventory, used_by
from zeroov.errors import DumpError
from zeroov.pipeline.replay import replay

DEEP: list[Any] = []
for _ in range(50):
    DEEP = [DEEP]
ODD = [None, True, -1, 2**70, 1e300, "", "\0", "\ud800", "../x", [], [1], [3, 4], {}, DEEP]
OWN = ("prompt", "overview", "focus", "layers")  # settings that zeroov reads by name


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def paths(about: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield where every value of a header is."""
    for name, value in about.items():
        yield (*before, name)
        if isinstance(value, dict):
            yield from paths(value, (*before, name))


def changed(about: Any, path: tuple[str, ...], value: Any = None, *, gone: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = copy.deepcopy(about)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    if gone:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return result


def use(world: World, out: Path) -> None:
    """Do all that is done with a folder of dumps; a `DumpError` is an answer."""
    inventory = take_inventory(world.maps, thorough=True)
    assert inventory.orphans is not None
    for entries in groups(inventory).values():
        for dump in (entry.dump for entry in entries if entry.dump):
            used_by(dump, recipe())
    assert _document(inventory)
    maps = Maps([world.maps])
    for look in maps.overviews.values():
        maps.focuses(look)
    works = (
        lambda: list(export(world.store, out / "npz")),
        lambda: list(quantise_all(world.store, DumpStore(out / "small"))),
        lambda: list(replay(world.store, DumpStore(out / "evolved"), recipe())),
    )
    for work in works:
        try:
            work()
        except DumpError:
            continue


@pytest.mark.parametrize("stage", ["overview", "focus", "evolve"])
def test_a_wrong_entry_is_damage_and_nobody_meets_it_later(
    world: World, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    [evolved, *_] = sorted(world.maps.glob("*.evolve.*"))
    settings = read_dump(evolved).about["settings"]
    keys = {"overview": settings["overview"], "focus": settings["focus"], "evolve": evolved.name[:32]}
    for other in set(world.maps.iterdir()) - {world.store.path(*one) for one in keys.items()}:
        other.unlink()
    path = world.store.path(stage, keys[stage])
    whole = read_dump(path)
    refused = 0
    for where in paths({**whole.about, "stage": stage, "key": whole.key, "packed": {}}):
        if where[0] == "settings" and where[1:] not in ((), *((name,) for name in OWN)):
            continue
        for wrong in ODD:
            world.store.write(stage, whole.key, whole.arrays, changed({**whole.about}, where, wrong))
            try:
                read_dump(path, headers_only=True)
            except DumpError:
                refused += 1
                continue
            use(world, tmp_path / "out")
    assert refused > 100


@pytest.mark.parametrize(
    ("stage", "where"),
    [
        ("overview", "picture"),
        ("overview", "picture.source"),
        ("overview", "settings"),
        ("overview", "layer_numbers"),
        ("focus", "picture.digest"),
        ("focus", "expression"),
        ("focus", "settings.prompt"),
        ("evolve", "settings.overview"),
        ("evolve", "box_xyxy"),
    ],
)
def test_a_missing_entry_is_damage(world: World, stage: str, where: str) -> None:
    whole = next(world.store.all(stage))
    world.store.write(stage, whole.key, whole.arrays, changed(whole.about, tuple(where.split(".")), gone=True))
    with pytest.raises(DumpError, match=rf"{whole.path.name}` is damaged: its header does not say `{where}`"):
        read_dump(whole.path, headers_only=True)


@pytest.mark.parametrize("word", ["picture", "settings", "digest", "prompt"])
def test_one_flipped_bit_in_a_header_is_reported_and_left_out(
    world: World, tmp_path: Path, word: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(world.store.all("overview", headers_only=True))
    [path] = [dump.path for dump in fitting(first, focus_index(world.store)[first.about["picture"]["digest"]])]
    path.write_bytes(path.read_bytes().replace(f'"{word}'.encode(), f'"{chr(ord(word[0]) ^ 1)}{word[1:]}'.encode(), 1))
    assert len(list(export(world.store, tmp_path / "npz"))) == 4
    assert f"{path.name}` is damaged: its header does not say" in caplog.text
    assert "left out" in caplog.text
    with pytest.raises(DumpError, match="no focus dump for"):
        list(replay(world.store, DumpStore(tmp_path / "evolved"), recipe()))


def raw(path: Path, header: str, dtype: str = "F32") -> None:
    """Write a file whose checksum is right, with one array of 8 bytes."""
    checksum = zlib.crc32(bytes(8), zlib.crc32(b"layers", zlib.crc32(header.encode())))
    array = {"dtype": dtype, "shape": [8 if dtype.startswith("F8") else 2], "data_offsets": [0, 8]}
    text = json.dumps({"__metadata__": {"zeroov": header, "crc32": str(checksum)}, "layers": array}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))


@pytest.mark.parametrize(
    ("header", "dtype", "message"),
    [
        ("[1, 2]", "F32", "not written by zeroov"),
        ("[" * 100_000, "F32", r"nested too deep"),
        ('{"format": 2, "stage": ["overview"], "key": "a"}', "F32", "its stage is"),
        ('{"format": 2, "stage": "overview", "key": "../../x"}', "F32", "key = '../../x', expected 32"),
        ('{"format": %s, "stage": "overview", "key": "a"}' % ("9" * 4000), "F32", "has dump format 9"),
        ('{"format": 2, "stage": "overview", "key": %s}' % ("9" * 5000), "F32", "damaged"),
        ("{}", "F8_E5M2", "no attention dump"),
    ],
)
def test_a_made_up_file_is_damage(tmp_path: Path, header: str, dtype: str, message: str) -> None:
    path = tmp_path / f"{'a' * 32}.overview.safetensors"
    raw(path, header, dtype)
    with pytest.raises(DumpError, match=message):
        read_dump(path)
    assert len(take_inventory(tmp_path, thorough=True).damaged) == 1


@pytest.mark.parametrize("shape", [[2**62, 4], [2**40], [-2, -32], [1.5], ["a"], 64, [[64]]])
def test_an_absurd_shape_is_damage(shape: Any) -> None:
    stored, _ = pack({"a": np.zeros((64, 64), np.float32)})
    with pytest.raises(ValueError, match=r"array `a`|bytes"):
        unpack(stored, {"a": {"dtype": "float32", "shape": shape}})


def test_arrays_of_another_kind_are_damage(world: World) -> None:
    for stage in ("overview", "focus", "evolve"):
        whole = next(world.store.all(stage))
        for name in whole.arrays.keys() - {"cross"}:
            for odd in (np.zeros(3), np.zeros((0, 0), np.float32), np.zeros((2, 2, 2), np.int64)):
                world.store.write(stage, whole.key, {**whole.arrays, name: odd}, whole.about)
                with pytest.raises(DumpError, match=f"lacks what .*{name}"):
                    TO_VALUE[stage](read_dump(whole.path))


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_picture_whose_name_is_not_utf_8_has_dumps(world: World, tmp_path: Path) -> None:
    first = next(world.store.all("overview"))
    source = os.fsdecode(b"/pictures/b\xe9.png")
    world.store.write("overview", first.key, first.arrays, changed(first.about, ("picture", "source"), source))
    assert read_dump(first.path).about["picture"]["source"] == source
    assert os.fsdecode(b"b\xe9") in {path.name[:2] for path in export(world.store, tmp_path / "npz")}
