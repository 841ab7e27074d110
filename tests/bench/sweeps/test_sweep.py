"""A sweep over a folder of dumps against the pipeline's own Evolve, a slow reading, and figures of older code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dumps.world import HW, SAMPLES, World, recipe, write_world
from zeroov import frames
from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.protocols import named
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.settings import parse_grid
from zeroov.bench.sweeps.sweep import Swept, sweep
from zeroov.bench.sweeps.table import rows_of
from zeroov.bench.sweeps.truths import match, read_truths
from zeroov.dumps.store import read_dump
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DumpError, RecipeError, UsageError
from zeroov.evolve import evolve
from zeroov.overview.combine import combine
from zeroov.recipe import Recipe
from zeroov.types import Box

HONEST = named("honest")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def swept(world: World, *grid: str, chosen: Recipe | None = None, truth: Path | None = None) -> Swept:
    maps = Maps([world.maps])
    run = match(read_truths(truth or world.truth), maps, chosen or recipe(), "maps").run
    return sweep(run, maps, parse_grid(grid), HONEST, jobs=1, lost_are_missed=False)


def means(found: Swept) -> list[tuple[float, ...]]:
    """Return of every setting: pointing of A_C and of the fused map, mIoU of masks and of boxes, as shares."""
    places = (("pointing", "attention"), ("pointing", "fused"), ("mask", "mIoU"), ("box", "mIoU"))
    return [tuple(row[part][name] / 100 for part, name in places) for row in rows_of(found, HONEST)]


def slowly(world: World, weights: list[float], chosen: Recipe) -> tuple[float, ...]:
    """Return the same four figures of one setting, sample by sample, by what the pipeline runs."""
    figures = []
    for line, (name, _, corners) in zip(world.records.read_text().splitlines(), SAMPLES, strict=True):
        keys, hw = json.loads(line)["dumps"], HW[name]
        layers = to_overview(read_dump(world.store.path("overview", keys["overview"]))).layers
        affinity = to_affinity(read_dump(world.store.path("focus", keys["focus"])))
        cross = combine(layers, weights)
        tied = affinity if "focus" in chosen.stages else None
        growing = "evolve" in chosen.stages
        found = evolve(cross, tied, hw, chosen.evolve, grid_hw=affinity.grid_hw, growing=growing)
        truth = frames.box_to_mask(Box(*corners), hw)
        points = []
        for values in (cross, found.fused):
            row, col = np.unravel_index(values.argmax(), values.shape)
            x, y = (col + 0.5) * hw[1] / values.shape[1], (row + 0.5) * hw[0] / values.shape[0]
            points.append(corners[0] <= x < corners[2] and corners[1] <= y < corners[3])
        mask_iou = (found.mask & truth).sum() / (found.mask | truth).sum()
        figures.append((*points, mask_iou, frames.box_iou(found.box, Box(*corners)) if found.box else 0.0))
    return tuple(np.array(figures, dtype=np.float64).mean(axis=0).tolist())


OWN = [0.2, 0, 0, 0.8]


@pytest.mark.parametrize("changes", [{}, {"evolve__canvas": 64}, {"evolve__official": True}])
def test_every_threshold_scores_what_evolve_cuts(world: World, changes: dict[str, Any]) -> None:
    chosen = recipe(**changes)
    found = swept(world, "evolve.k=1,7,40", "evolve.tau=0.0,0.3,0.9", "evolve.alpha=0.1,0.4,0.8,1.0", chosen=chosen)
    assert len(found.settings) == 36
    for setting, figures in zip(found.settings, means(found), strict=True):
        assert figures == pytest.approx(slowly(world, OWN, chosen.with_values(setting.changes)), abs=1e-12)
        if setting.changes["evolve.alpha"] == 1.0:
            assert figures[2:] == (0, 0), "nothing found is a miss, not a gap"
    assert found.own is not None
    assert found.settings[found.own].changes == {"evolve.k": 7, "evolve.tau": 0.3, "evolve.alpha": 0.4}


def test_every_layer_scores_what_evolve_cuts_and_points_where_it_is_hottest(world: World) -> None:
    found = swept(world, "overview.layers=each,all,own,{3=1,1=1}")
    weights = [*np.eye(4).tolist(), [1, 1, 1, 1], OWN, [0, 1, 0, 1]]
    for given, figures in zip(weights, means(found), strict=True):
        assert figures == pytest.approx(slowly(world, given, recipe()), abs=1e-12)
    assert found.own == 5


def test_stages_that_are_left_out_are_left_out_in_the_pipeline(world: World) -> None:
    stages = [["overview", "focus"], ["overview", "evolve"], ["overview", "focus", "evolve"]]
    found = swept(world, "stages=" + ",".join("+".join(each) for each in stages))
    expected = [slowly(world, OWN, recipe(stages=each)) for each in stages]
    assert means(found) == [pytest.approx(each, abs=1e-12) for each in expected]
    assert found.own == 2


# Printed by `zeroov analyse layers|grids|thresholds --json` and `zeroov bench ablate --json` at commit fd26732, before
# one command took their place, on the dumps of `write_world`. Pointing, mask mIoU and box mIoU:
ANALYSE_LAYERS = {
    "0": (0.25, 0.06803987, 0.17666667),
    "1": (0.25, 0.05703482, 0.17666667),
    "2": (0.5, 0.32049796, 0.31684588),
    "3": (1.0, 0.82547334, 0.82244651),
    "all": (0.75, 0.59851078, 0.540445),
    "own": (1.0, 0.82593346, 0.82244651),
    "{3=2,0=1}": (1.0, 0.82696112, 0.82244651),
}
ANALYSE_GRIDS = {
    "none": (1.0, 0.80923565, 0.79496732),
    "7dba3d5a": (1.0, 0.82593346, 0.82244651),
    "ae233159": (1.0, 0.82593346, 0.82244651),
}
ANALYSE_THRESHOLDS = {
    (1, 0.3, 0.4): (0.82593346, 0.82244651),
    (7, 0.1, 0.4): (0.82580197, 0.82244651),
    (7, 0.3, 0.7): (0.80925744, 0.80036957),
}
# Of k, alpha and layers: box mIoU and oIoU; mask mIoU, its interval, oIoU, difference to the run's own, p.
ABLATE: dict[tuple[Any, ...], tuple[float | None, ...]] = {
    (7, 0.4, (0, 3)): (0.82244651, 0.841722, 0.82593346, 0.73645026, 0.91541667, 0.83910784, None, None),
    (1, 0.4, (3,)): (0.82244651, 0.841722, 0.82547334, 0.73532168, 0.915625, 0.83881437, -0.00046012, 0.58241758),
    (7, 0.4, (1, 2)): (0.26666667, 0.23728814, 0.24431955, 0.00568613, 0.67076088, 0.16911453, -0.58161392, 0.004995),
    (1, 0.7, (1, 2)): (0.23680556, 0.20895522, 0.1515625, 0.0, 0.4546875, 0.11125554, -0.67437096, 0.000999),
}


def test_layers_score_as_analyse_layers_did(world: World) -> None:
    names = ("overview.layers=" + ",".join(("each", *list(ANALYSE_LAYERS)[4:])),)
    found = [(attention, mask, box) for attention, _, mask, box in means(swept(world, *names))]
    assert found == [pytest.approx(each, abs=1e-7) for each in ANALYSE_LAYERS.values()]


def test_focus_settings_score_as_analyse_grids_did(world: World) -> None:
    write_world(world.maps.parent, focus__t=300)
    found = swept(world, "focus=none,each")
    assert [setting.changes["focus"] for setting in found.settings] == list(ANALYSE_GRIDS)
    assert [(fused, mask, box) for _, fused, mask, box in means(found)] == [
        pytest.approx(each, abs=1e-7) for each in ANALYSE_GRIDS.values()
    ]
    assert {digest: made["t"] for digest, made in found.focus.items()} == {"7dba3d5a": 300, "ae233159": 100}
    assert found.own == 2


def test_thresholds_score_as_analyse_thresholds_did(world: World) -> None:
    found = swept(world, "evolve.k=1,7", "evolve.tau=0.1:0.3:0.2", "evolve.alpha=0.4,0.7")
    figures = {tuple(s.changes.values()): each[2:] for s, each in zip(found.settings, means(found), strict=True)}
    assert len(figures) == 8
    for values, expected in ANALYSE_THRESHOLDS.items():
        assert figures[values] == pytest.approx(expected, abs=1e-7)


def test_a_run_scores_as_ablate_did(world: World) -> None:
    run = Run("r", tuple(read_truths(world.records)), {"made_with": recipe().deciding()})
    grid = parse_grid(["evolve.k=1,7", "evolve.alpha=0.4,0.7", "overview.layers=0+3,3,1+2"])
    rows = rows_of(sweep(run, Maps([world.maps]), grid, HONEST, jobs=1), HONEST)
    figures = {}
    for row in rows:
        k, alpha, layers = row["setting"].values()
        box, mask, against = row["box"], row["mask"], row["mask"].get("against_own", {"difference": None, "p": None})
        values = box["mIoU"], box["oIoU"], mask["mIoU"], *mask["mIoU_interval"], mask["oIoU"], against["difference"]
        figures[k, alpha, tuple(layers)] = *(value and value / 100 for value in values), against["p"]
    assert len(figures) == 12
    assert [row["own"] for row in rows].count(True) == 1
    for key, expected in ABLATE.items():
        assert figures[key] == tuple(value if value is None else pytest.approx(value, abs=1e-7) for value in expected)


@pytest.mark.parametrize("grid", ["evolve.alpha=0.2,0.4", "overview.layers=each,all", "focus=none,each"])
def test_a_run_is_scored_against_the_truth_and_not_against_its_own_answers(world: World, grid: str) -> None:
    expected, found = (rows_of(swept(world, grid, truth=path), HONEST) for path in (world.truth, world.records))
    assert found == expected


def test_focus_settings_are_compared_over_the_same_samples(world: World, caplog: pytest.LogCaptureFixture) -> None:
    write_world(world.maps.parent, focus__t=300)
    extra, *_ = [p for p in world.maps.glob("*.focus.*") if read_dump(p).about["settings"]["t"] == 300]
    extra.unlink()
    assert len(swept(world, "focus=none,each").records) == 3
    assert "3 of 4" in caplog.text
    assert len(swept(world, "focus=none,ae233159").records) == 4
    with pytest.raises(UsageError, match="no focus dump has the settings `12345678`; these are here: 7dba3d5a, ae"):
        swept(world, "focus=12345678")
    for path in world.maps.glob("*.focus.*"):
        if path != extra and read_dump(path).about["settings"]["t"] == 300:
            path.unlink()
    with pytest.raises(UsageError, match="no focus dump has the settings `7dba3d5a`"):
        swept(world, "focus=7dba3d5a,ae233159")


def test_a_run_may_compare_focus_settings_too(world: World) -> None:
    write_world(world.maps.parent, focus__t=300)
    records = read_truths(world.records)  # of t = 300, which were written last
    records[0] = replace(records[0], status="failed", box=None, mask=None, error="memory", dumps={})
    run = Run("r", tuple(records), {"made_with": recipe(focus__t=300).deciding()})
    found = sweep(run, Maps([world.maps]), {"focus": ["none", "each"]}, HONEST, jobs=1)
    assert len(found.records) == 4
    assert found.own == 1
    assert np.isnan(found.boxes[:, 0]).all(), "a failed sample is a miss under every setting"
    assert not np.isnan(found.boxes[:, 1:]).any()


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_a_damaged_dump_costs_its_sample_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    keys = [json.loads(line)["dumps"] for line in world.records.read_text().splitlines()]
    focus = world.store.path("focus", keys[1]["focus"])
    damage(focus)
    found = swept(world, "overview.layers=each")
    assert rows_of(found, HONEST)[0]["mask"]["samples"] == len(found.records) == 3
    assert focus.name in caplog.text
    for path in world.maps.glob("*.overview.*"):
        damage(path)
    with pytest.raises(DumpError, match="dumps verify"):
        swept(world, "overview.layers=each")


def test_layers_that_were_not_captured_are_refused(world: World) -> None:
    with pytest.raises(UsageError, match=r"\[9\] were not captured.*--recipe"):
        swept(world, "overview.layers={9=1}")
    other = recipe().with_values({"overview.layers": [16], "overview.weights": [1]})
    with pytest.raises(UsageError, match="--recipe"):
        swept(world, "evolve.alpha=0.4", chosen=other)
    assert swept(world, "overview.layers=each", chosen=other).own is None


def test_a_map_without_a_maximum_points_nowhere(world: World) -> None:
    key = json.loads(world.records.read_text().splitlines()[0])["dumps"]["overview"]
    dump = world.store.read("overview", key)
    assert dump is not None
    world.store.write("overview", key, {**dump.arrays, "layers": np.zeros_like(dump.arrays["layers"])}, dump.about)
    found = swept(world, "overview.layers=3,own")
    assert np.isnan(found.peaks[:, 0]).all()
    assert [row["pointing"]["attention"] for row in rows_of(found, HONEST)] == [75, 75]


def test_a_recipe_of_several_looks_is_refused_and_of_closer_looks_the_first_is_scored(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RecipeError, match="pyramid"):
        swept(world, "evolve.alpha=0.4", chosen=recipe(overview__pyramid=[0.5]))
    closer = swept(world, "evolve.alpha=0.2,0.4", chosen=recipe(zoom__rounds=1))
    assert "first looks are scored" in caplog.text
    once = swept(world, "evolve.alpha=0.2,0.4")
    assert rows_of(closer, HONEST) == rows_of(once, HONEST)
    assert closer.own == once.own == 1
