"""Truth files of every kind, and the maps that belong to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dumps.world import World, recipe, write_world
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.truths import Matched, match, read_truths
from zeroov.dumps.export import quantise_all
from zeroov.dumps.store import DumpStore
from zeroov.errors import DatasetError, DumpError, UsageError, ZeroovError
from zeroov.outputs.rle import encode_rle
from zeroov.recipe import Recipe


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def matched(world: World, truth: Path | None = None, chosen: Recipe | None = None) -> Matched:
    return match(read_truths(truth or world.truth), Maps([world.maps]), chosen or recipe(), "maps")


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    return path


def test_own_lines_and_records_name_the_same_maps_and_truths(world: World) -> None:
    own, records = (matched(world, path).run.records for path in (world.truth, world.records))
    for name in ("hw", "truth_box", "truth_mask", "dumps"):
        assert [getattr(r, name) for r in own] == [
            {stage: key for stage, key in r.dumps.items() if stage != "evolve"} if name == "dumps" else getattr(r, name)
            for r in records
        ]


def test_records_name_their_dumps_and_win_over_names(world: World) -> None:
    before = matched(world).run.records
    write_world(world.maps.parent, focus__t=300)  # now each sample has two Focus dumps
    other = recipe(focus__t=7)
    named = matched(world, world.records, other).run.records
    assert [r.dumps["overview"] for r in named] == [r.dumps["overview"] for r in before]
    with pytest.raises(DumpError, match="several focus dumps"):
        matched(world, chosen=other)


def test_a_record_without_a_truth_has_no_object_whatever_it_answered(world: World, tmp_path: Path) -> None:
    records = [json.loads(line) for line in world.records.read_text().splitlines()]
    records[1] |= {"truth_box": None}  # its mask says it
    records[2] |= {"truth_box": None, "truth_mask": None}
    del records[3]["truth_box"], records[3]["truth_mask"]
    found = matched(world, write(tmp_path, *records))
    assert (len(found.run.records), found.without_dumps, found.absent) == (2, 0, 2)


def test_a_failed_record_stays_and_has_no_maps(world: World, tmp_path: Path) -> None:
    records = [json.loads(line) for line in world.records.read_text().splitlines()]
    failed = {key: records[1][key] for key in ("id", "image", "expression", "hw", "truth_box", "truth_mask")}
    records[1] = {**failed, "status": "failed", "error": "memory"}
    assert [bool(r.dumps) for r in matched(world, write(tmp_path, *records)).run.records] == [True, False, True, True]


def test_records_find_the_quantised_copy_of_their_dumps(world: World, tmp_path: Path) -> None:
    small = DumpStore(tmp_path / "small")
    copies = list(quantise_all(world.store, small))
    maps = Maps([small.folder])
    keys = [record.dumps["focus"] for record in match(read_truths(world.records), maps, recipe(), "x").run.records]
    assert len(set(keys)) == len(copies) == 4
    exact = [json.loads(line)["dumps"]["focus"] for line in world.records.read_text().splitlines()]
    assert not set(keys) & set(exact)
    assert [maps.path("focus", key) for key in exact] == [small.path("focus", key) for key in keys]


def test_images_are_matched_by_digest_path_or_name(world: World, tmp_path: Path) -> None:
    key = matched(world).run.records[2].dumps["overview"]
    digest = Maps([world.maps]).overviews[key].about["picture"]["digest"]
    for image in (digest, "b.png", "0/b.png", "/pictures/0/b.png"):
        path = write(tmp_path, {"image": image, "expression": " the  plane", "box": [30, 0, 70, 60]})
        assert [record.dumps["overview"] for record in matched(world, path).run.records] == [key]
    for image in ("1/b.png", "b", ""):
        with pytest.raises(DumpError, match="none of 1 truths"):
            matched(world, write(tmp_path, {"image": image, "expression": "the plane", "box": [30, 0, 70, 60]}))
    write_world(tmp_path, size=2)
    with pytest.raises(UsageError, match=r"t.jsonl:1: .*more of its path"):
        matched(world, write(tmp_path, {"image": "b.png", "expression": "the plane", "box": [30, 0, 70, 60]}))


def test_a_closer_look_is_not_taken_for_the_picture(world: World, tmp_path: Path) -> None:
    key = matched(world).run.records[2].dumps["overview"]
    dump = world.store.read("overview", key)
    assert dump is not None
    picture = dump.about["picture"] | {"digest": "0" * 64, "window": [0, 0, 9, 9]}
    world.store.write("overview", "f" * 32, dump.arrays, {**dump.about, "picture": picture})
    path = write(tmp_path, {"image": "b.png", "expression": "the plane", "box": [30, 0, 70, 60]})
    assert [record.dumps["overview"] for record in matched(world, path).run.records] == [key]


def test_a_box_suffices_and_absent_objects_are_counted_apart(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in world.truth.read_text().splitlines()]
    del rows[0]["mask"], rows[1]["mask"], rows[2]["mask"], rows[3]["box"]
    rows += [{"image": "0/a.png", "expression": "the zebra", "box": None}]
    rows += [{"image": "9/a.png", "expression": "the plane", "box": [1, 2, 3, 4]}]
    found = matched(world, write(tmp_path, *rows))
    assert (len(found.run.records), found.without_dumps, found.absent) == (4, 1, 1)
    assert [record.truth_mask is None for record in found.run.records] == [True, True, True, False]
    assert [record.truth_box for record in found.run.records][3] == (0, 30, 30, 50)


def test_masks_may_be_lists_of_numbers(world: World, tmp_path: Path) -> None:
    mask = np.zeros((60, 90), np.bool_)
    mask[:, :2] = True
    rle = {"size": [60, 90], "counts": [0, 120, 5280]}
    path = write(tmp_path, {"image": "0/a.png", "expression": "the plane", "mask": rle, "box": [0, 0, 2, 60]})
    assert matched(world, path).run.records[0].truth_mask == encode_rle(mask)


def test_what_the_recipe_has_no_stage_for_need_not_be_there(world: World) -> None:
    for path in world.maps.glob("*.focus.*"):
        path.unlink()
    with pytest.raises(DumpError, match="4 of whose image"):
        matched(world)
    assert len(matched(world, chosen=recipe(stages=["overview", "evolve"])).run.records) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no truth"),
        ("\n \n", "holds no truth"),
        ("{]", ":1: "),
        ('"text"', ":1: "),
        ('{"expression": "x"}', "image"),
        ('{"image": "a", "expression": ""}', "expression is empty"),
        ('{"image": "a", "expression": "x", "box": [1, 2, 3]}', "Box"),
        ('{"image": "a", "expression": "x", "box": [5, 5, 1, 1]}', "x1 > x0"),
        ('{"image": "a", "expression": "x", "status": "found", "box": [5, 5, 1, 1]}', "needs the field `id`"),
    ],
)
def test_a_bad_truth_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_truths(path)
    with pytest.raises(DatasetError, match="does not exist"):
        read_truths(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [5, 5], "counts": [24, 1]}, "for an image of"),
        ({"size": [60, 90], "counts": [5400]}, "mask is empty"),
        ({"size": [60, 90], "counts": [1]}, "run lengths"),
        ({"counts": "x"}, "size"),
    ],
)
def test_a_bad_mask_is_refused(world: World, tmp_path: Path, mask: dict[str, Any], message: str) -> None:
    path = write(tmp_path, {"image": "0/a.png", "expression": "the plane", "mask": mask})
    with pytest.raises(ZeroovError, match=message):
        matched(world, path)
