"""The analysis against the pipeline's own Evolve, a slow reading of the definitions, and truth files of every kind."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dumps.world import HW, SAMPLES, World, recipe, write_world
from zeroov import frames
from zeroov.bench.sweeps.analyse import Row, compare_focus, sweep_layers, sweep_thresholds
from zeroov.bench.sweeps.cases import Matched, match
from zeroov.bench.sweeps.truths import read_truths
from zeroov.dumps.export import quantise_all
from zeroov.dumps.store import DumpStore, read_dump
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DatasetError, DumpError, UsageError, ZeroovError
from zeroov.evolve import evolve
from zeroov.overview.combine import combine
from zeroov.recipe import Recipe
from zeroov.types import Box, Evolved


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def matched(world: World, chosen: Recipe | None = None, truth: Path | None = None) -> Matched:
    return match(read_truths(truth or world.truth), world.store, chosen or recipe())


def slowly(world: World, number: int, weights: list[float], chosen: Recipe) -> tuple[Evolved, np.ndarray[Any, Any]]:
    """Evolve a sample as the pipeline does; return it and A_C."""
    keys = json.loads(world.records.read_text().splitlines()[number])["dumps"]
    overview = to_overview(read_dump(world.store.path("overview", keys["overview"])))
    affinity = to_affinity(read_dump(world.store.path("focus", keys["focus"])))
    cross = combine(overview.layers, weights)
    return evolve(cross, affinity, HW[SAMPLES[number][0]], chosen.evolve), cross


def mask_iou(found: Evolved, number: int) -> float:
    name, _, corners = SAMPLES[number]
    truth = frames.box_to_mask(Box(*corners), HW[name])
    return float((found.mask & truth).sum() / (found.mask | truth).sum())


def box_iou(found: Evolved, number: int) -> float:
    return frames.box_iou(found.box, Box(*SAMPLES[number][2])) if found.box else 0.0


def test_every_threshold_scores_what_evolve_cuts(world: World) -> None:
    ks, taus, alphas = [1, 7, 40], [0.0, 0.3, 0.9], [0.1, 0.4, 0.8, 1.0]
    rows = sweep_thresholds(matched(world).cases, recipe(), (ks, taus, alphas))
    assert len(rows) == 36
    for row in rows:
        chosen = recipe(**{f"evolve__{name}": value for name, value in row.setting.items()})
        found = [slowly(world, number, [0.2, 0, 0, 0.8], chosen)[0] for number in range(4)]
        assert row.samples["mask_iou"] == [mask_iou(value, n) for n, value in enumerate(found)], row.name
        assert row.samples["box_iou"] == [box_iou(value, n) for n, value in enumerate(found)], row.name
    assert [row.name for row in rows if "recipe" in row.name] == ["k 7, tau 0.3, alpha 0.4 (recipe fast)"]
    at_one = next(row for row in rows if row.setting["alpha"] == 1.0)
    assert at_one.mean("mask_iou") == 0, "nothing found is a miss, not a gap"


@pytest.mark.parametrize("changes", [{"evolve__canvas": 64}, {"evolve__official": True}])
def test_the_official_habits_are_swept_as_they_are_run(world: World, changes: dict[str, Any]) -> None:
    chosen = recipe(**changes)
    [row] = sweep_thresholds(matched(world).cases, chosen, ([7], [0.3], [0.4]))
    expected = [mask_iou(slowly(world, number, [0.2, 0, 0, 0.8], chosen)[0], number) for number in range(4)]
    assert row.samples["mask_iou"] == expected


def test_every_layer_scores_what_evolve_cuts_and_points_where_it_is_hottest(world: World) -> None:
    rows = sweep_layers(matched(world).cases, recipe(), {"3,1=1,1": ([3, 1], [1, 1])})
    assert [row.name for row in rows] == [
        *(f"layer {number}" for number in range(4)),
        "mean of these layers",
        "recipe fast",
        "3,1=1,1",
    ]
    weights = [*np.eye(4).tolist(), [1, 1, 1, 1], [0.2, 0, 0, 0.8], [0, 1, 0, 1]]
    for row, given in zip(rows, weights, strict=True):
        for number, (name, _, (x0, y0, x1, y1)) in enumerate(SAMPLES):
            found, cross = slowly(world, number, given, recipe())
            assert row.samples["mask_iou"][number] == mask_iou(found, number)
            r, c = np.unravel_index(cross.argmax(), cross.shape)
            x, y = (c + 0.5) * HW[name][1] / cross.shape[1], (r + 0.5) * HW[name][0] / cross.shape[0]
            assert row.samples["pointing"][number] == float(x0 <= x < x1 and y0 <= y < y1)
    assert rows[3].mean("pointing") == 1, "the layer that looks at the object"


def test_without_growing_the_whole_grid_is_the_region(world: World) -> None:
    chosen = recipe(stages=["overview", "focus"])
    rows = {row.name: row for row in sweep_layers(matched(world, chosen).cases, chosen, {})}
    keys = json.loads(world.records.read_text().splitlines()[0])["dumps"]
    affinity = to_affinity(read_dump(world.store.path("focus", keys["focus"])))
    cross = slowly(world, 0, [0.2, 0, 0, 0.8], chosen)[1]
    expected = evolve(cross, affinity, HW["a"], chosen.evolve, growing=False)
    assert rows["recipe fast"].samples["mask_iou"][0] == mask_iou(expected, 0)


def test_records_name_their_dumps_and_win_over_names(world: World) -> None:
    by_image, by_key = matched(world), matched(world, truth=world.records)
    assert [case.overview.key for case in by_image.cases] == [case.overview.key for case in by_key.cases]
    write_world(world.maps.parent, focus__t=300)  # now each sample has two Focus dumps
    other = sweep_thresholds(matched(world, truth=world.records).cases, recipe(focus__t=7), ([7], [0.3], [0.4]))
    assert len(other[0].samples["mask_iou"]) == 4, "named, so not ambiguous"
    with pytest.raises(DumpError, match="several focus dumps"):
        sweep_thresholds(matched(world).cases, recipe(focus__t=7), ([7], [0.3], [0.4]))


@pytest.mark.parametrize(
    "analyse",
    [
        lambda cases: sweep_thresholds(cases, recipe(), ([7], [0.3], [0.2, 0.4])),
        lambda cases: sweep_layers(cases, recipe(), {}),
        lambda cases: compare_focus(cases, recipe(), []),
    ],
    ids=["thresholds", "layers", "grids"],
)
def test_a_run_is_scored_against_the_truth_and_not_against_its_own_answers(world: World, analyse: Any) -> None:
    expected, found = (analyse(matched(world, truth=path).cases) for path in (world.truth, world.records))
    assert [row.to_json() for row in found] == [row.to_json() for row in expected]


def test_a_record_without_a_truth_has_no_object_whatever_it_answered(world: World, tmp_path: Path) -> None:
    records = [json.loads(line) for line in world.records.read_text().splitlines()]
    records[1] |= {"truth_box": None}  # its mask says it
    records[2] |= {"truth_box": None, "truth_mask": None}
    del records[3]["truth_box"], records[3]["truth_mask"]
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    found = matched(world, truth=path)
    assert (len(found.cases), found.without_dumps, found.absent) == (2, 0, 2)


def test_records_find_the_quantised_copy_of_their_dumps(world: World, tmp_path: Path) -> None:
    small = DumpStore(tmp_path / "small")
    list(quantise_all(world.store, small))
    exact, close = (
        sweep_thresholds(match(read_truths(world.records), store, recipe()).cases, recipe(), ([7], [0.3], [0.4]))[0]
        for store in (world.store, small)
    )
    assert close.mean("mask_iou") == pytest.approx(exact.mean("mask_iou"), abs=0.01)


def test_images_are_matched_by_digest_path_or_name(world: World, tmp_path: Path) -> None:
    case = matched(world).cases[2]
    digest = case.overview.about["picture"]["digest"]
    for image in (digest, "b.png", "0/b.png", "/pictures/0/b.png"):
        path = tmp_path / "t.jsonl"
        path.write_text(json.dumps({"image": image, "expression": " the  plane", "box": [30, 0, 70, 60]}) + "\n\n")
        assert [c.overview.key for c in matched(world, truth=path).cases] == [case.overview.key]
    for image in ("1/b.png", "b", ""):
        path.write_text(json.dumps({"image": image, "expression": "the plane", "box": [30, 0, 70, 60]}))
        with pytest.raises(DumpError, match="none of 1 truths"):
            matched(world, truth=path)
    write_world(tmp_path, size=2)
    path.write_text(json.dumps({"image": "b.png", "expression": "the plane", "box": [30, 0, 70, 60]}))
    with pytest.raises(UsageError, match="more of its path"):
        matched(world, truth=path)


def test_a_box_suffices_and_absent_objects_are_counted_apart(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in world.truth.read_text().splitlines()]
    del rows[0]["mask"], rows[1]["mask"], rows[2]["mask"], rows[3]["box"]
    rows += [{"image": "0/a.png", "expression": "the zebra", "box": None}]
    rows += [{"image": "9/a.png", "expression": "the plane", "box": [1, 2, 3, 4]}]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = matched(world, truth=path)
    assert (len(found.cases), found.without_dumps, found.absent) == (4, 1, 1)
    [row] = sweep_thresholds(found.cases, recipe(), ([7], [0.3], [0.4]))
    assert [math.isnan(value) for value in row.samples["mask_iou"]] == [True, True, True, False]
    assert row.to_json()["box_iou"]["samples"] == 4
    assert row.to_json()["mask_iou"]["samples"] == 1
    assert "pointing" not in row.to_json()


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
    ],
)
def test_a_bad_truth_file_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_truths(path)
    with pytest.raises(DatasetError, match="does not exist"):
        read_truths(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [5, 5], "counts": [25]}, "for an image of"),
        ({"size": [60, 90], "counts": [5400]}, "mask is empty"),
        ({"size": [60, 90], "counts": [1]}, "run lengths"),
        ({"counts": "x"}, "size"),
    ],
)
def test_a_bad_mask_is_told(world: World, tmp_path: Path, mask: dict[str, Any], message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"image": "0/a.png", "expression": "the plane", "mask": mask}))
    with pytest.raises(ZeroovError, match=message):
        sweep_layers(matched(world, truth=path).cases, recipe(), {})


def test_a_damaged_dump_costs_its_sample_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("zeroov").propagate = True
    focus = world.store.path("focus", json.loads(world.records.read_text().splitlines()[1])["dumps"]["focus"])
    data = bytearray(focus.read_bytes())
    data[-1] ^= 1
    focus.write_bytes(bytes(data))
    rows = sweep_layers(matched(world).cases, recipe(), {})
    assert all(len(row.samples["pointing"]) == 3 for row in rows)
    assert focus.name in caplog.text


def test_focus_settings_are_compared_over_the_same_samples(world: World, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("zeroov").propagate = True
    write_world(world.maps.parent, focus__t=300)
    extra, *_ = [p for p in world.maps.glob("*.focus.*") if read_dump(p).about["settings"]["t"] == 300]
    extra.unlink()
    rows = compare_focus(matched(world).cases, recipe(), [])
    assert [row.name.split(" ", 1)[1] for row in rows if row.setting] in (
        ["(grids [8], t 100)", "(grids [8], t 300)"],
        ["(grids [8], t 300)", "(grids [8], t 100)"],
    )
    assert {len(row.samples["mask_iou"]) for row in rows} == {3}
    assert "3 of 4" in caplog.text
    bare, *made = rows
    assert bare.name == "without Focus"
    assert made[0].mean("mask_iou") == made[1].mean("mask_iou"), "the world's matrices do not depend on t"
    alone = next(row.name[:8] for row in made if "t 100" in row.name)
    assert len(compare_focus(matched(world).cases, recipe(), [alone])[1].samples["mask_iou"]) == 4
    with pytest.raises(UsageError, match="no focus dump has the settings"):
        compare_focus(matched(world).cases, recipe(), ["12345678"])


def test_layers_that_were_not_captured_are_told(world: World) -> None:
    cases = matched(world).cases
    with pytest.raises(UsageError, match=r"\[9\] are not in every dump"):
        sweep_layers(cases, recipe(), {"9=1": ([9], [1])})
    other = recipe().with_values({"overview.layers": [16], "overview.weights": [1]})
    assert "recipe fast" not in [row.name for row in sweep_layers(cases, other, {})]
    with pytest.raises(UsageError, match="--recipe"):
        sweep_thresholds(cases, other, ([7], [0.3], [0.4]))


def test_a_map_without_a_maximum_points_nowhere_and_no_values_have_no_mean() -> None:
    from zeroov.bench.sweeps.cases import Sample

    sample = Sample("", None, None, (2, 2), (10, 10), Box(0, 0, 10, 10), None)  # type: ignore[arg-type]
    assert sample.points(np.zeros((2, 2), np.float32)) == 0
    assert sample.points(np.eye(2, dtype=np.float32)) == 1
    assert Row("r", {}).mean("pointing") is None
