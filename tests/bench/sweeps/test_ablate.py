from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.bench.own import write_own
from tests.dumps.world import World, write_world
from tests.dumps.world import recipe as world_recipe
from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.runs.records import Record, Run, read_run
from zeroov.bench.runs.run import run
from zeroov.bench.scoring.protocols import PROTOCOLS, Protocol, named
from zeroov.bench.scoring.score import Score, score
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.sweep import recipe_of, sweep
from zeroov.bench.sweeps.table import rows_of
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DumpError, RecipeError, UsageError
from zeroov.evolve import evolve
from zeroov.outputs.rle import encode_rle
from zeroov.overview.combine import combine, select

SCENES = 9
pytestmark = pytest.mark.usefixtures("kept_models")


def ablate(
    run: Run, folders: list[Path], grid: dict[str, list[Any]], protocol: Protocol, jobs: int = 1
) -> list[dict[str, Any]]:
    return rows_of(sweep(run, Maps(folders), grid, protocol, jobs=jobs), protocol)


def write_damaged(folder: Path) -> Path:
    """Write a data set of which the last image, and the last but one's mask, cannot be read; return its CSV."""
    csv = write_own(folder, SCENES)
    sorted((folder / "images").iterdir())[-1].write_bytes(b"no picture")
    Image.fromarray(np.ones((5, 5), np.bool_)).save(sorted((folder / "masks").iterdir())[-2])
    return csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    csv = write_damaged(tmp_path_factory.mktemp("own"))
    out = tmp_path_factory.mktemp("run")
    changes = {"overview.capture": "all"}
    run(registry.find("file").read(csv, "test"), recipes.load("mini", changes), out, device="cpu")
    return out


def figures(folder: Path, grid: dict[str, list[Any]], protocol: str = "honest", jobs: int = 1) -> list[dict[str, Any]]:
    return ablate(read_run(folder), [folder / "dumps"], grid, named(protocol), jobs)


@pytest.mark.parametrize("protocol", ["honest", "rsvg-zeroov", "rmsin", "segearth-r1", "lqvg", "vrsbench"])
def test_the_runs_own_setting_scores_as_its_records_before_refine_do(folder: Path, protocol: str) -> None:
    (told,) = figures(folder, {"evolve.alpha": [0.4]}, protocol)
    agrees(told, read_run(folder), protocol)


def agrees(told: dict[str, Any], run: Run, protocol: str) -> None:
    """Check a setting's figures against the score of the run's own answers before Refine."""
    rows = {row.target: row for row in score(run, named(protocol), reading="coarse").rows if row.target != "point"}
    assert rows.keys() == {"box", "mask"} & told.keys()
    for target, row in rows.items():
        assert told[target]["samples"] == row.samples, target
        for name, figure in row.figures.items():
            assert told[target][name] == pytest.approx(100 * figure.value, abs=1e-10), (target, name)


def mixed_run(folder: Path) -> Run:
    """Return a run over dumps: found, nothing found, failed with a truth and without a readable one, found again."""
    world = write_world(folder, size=2)
    records = []
    for number, line in enumerate(world.records.read_text().splitlines()):
        values = json.loads(line)
        record = {name: values[name] for name in ("id", "image", "expression", "hw")}
        if number in (2, 3, 4):
            record |= {"status": "failed", "error": "overview: memory"}
        else:
            record |= {"status": "empty", "dumps": values["dumps"]}
        if number in (1, 5):  # nothing to see in its map
            dump = world.store.read("overview", values["dumps"]["overview"])
            assert dump is not None
            blank = {name: np.zeros_like(a) if name == "layers" else a for name, a in dump.arrays.items()}
            world.store.write("overview", dump.key, blank, dump.about)
        if number in (3, 4):
            record |= {"truth_mask_unreadable": True, "truth_box": values["truth_box"] if number == 4 else None}
        elif number != 7:  # the last one is a question without a truth
            record |= {"truth_box": values["truth_box"], "truth_mask": values["truth_mask"]}
        records.append(Record.from_json(record))
    return Run("mixed", tuple(answered(record, world) for record in records), {"made_with": world_recipe().deciding()})


def answered(record: Record, world: World) -> Record:
    """Return the record with what the pipeline's own Evolve cuts before Refine."""
    if record.status == "failed":
        return record
    overview = world.store.read("overview", record.dumps["overview"])
    focus = world.store.read("focus", record.dumps["focus"])
    assert overview is not None
    assert focus is not None
    look, chosen = to_overview(overview), world_recipe()
    cross = combine(select(look.layers, look.layer_numbers, chosen.overview.layers), chosen.overview.weights)
    found = evolve(cross, to_affinity(focus), record.hw, chosen.evolve)
    if found.box is None:
        return record
    return replace(record, coarse_box=found.box.xyxy, coarse_mask=encode_rle(found.mask))


@pytest.mark.parametrize("protocol", [protocol.name for protocol in PROTOCOLS])
def test_an_ablation_counts_the_samples_that_the_score_counts(tmp_path: Path, protocol: str) -> None:
    run = mixed_run(tmp_path)
    assert [record.coarse_box is not None for record in run.records] == [True, *[False] * 5, True, True]
    agrees(ablate_own(run, tmp_path / "maps", named(protocol)), run, protocol)


def ablate_own(run: Run, maps: Path, protocol: Protocol) -> dict[str, Any]:
    return ablate(run, [maps], {"evolve.alpha": [0.4, 0.9]}, protocol)[0]


def score_coarse(run: Run, maps: Path, protocol: Protocol) -> Score:
    return score(run, protocol, reading="coarse")


def test_an_ablation_in_which_nothing_counts_is_refused_as_the_score_is(tmp_path: Path) -> None:
    run = mixed_run(tmp_path)
    boxes = replace(run, records=tuple(replace(r, truth_mask=None, truth_mask_unreadable=False) for r in run.records))
    lost = replace(run, records=run.records[2:5])
    for some, protocol, message in ((boxes, "rmsin", "no such truth"), (lost, "rsvg-zeroov", "every sample")):
        for go in (ablate_own, score_coarse):
            with pytest.raises(UsageError, match=message):
                go(some, tmp_path / "maps", named(protocol))


def test_a_setting_scores_as_a_run_made_with_it(folder: Path, tmp_path: Path) -> None:
    grid = {"evolve.alpha": [0.3, 0.5], "evolve.tau": [0.2], "evolve.k": [3], "overview.layers": [[2], [4, 5, 6]]}
    told = figures(folder, grid)
    assert len(told) == 4
    csv = write_damaged(tmp_path / "own")
    changes = {"overview.capture": "all", "evolve.alpha": 0.5, "evolve.tau": 0.2, "evolve.k": 3}
    changes |= {"overview.layers": [4, 5, 6], "overview.weights": [1.0, 1.0, 1.0]}
    run(registry.find("file").read(csv, "test"), recipes.load("mini", changes), tmp_path, device="cpu")
    rows = {row.target: row for row in score(read_run(tmp_path), named("honest"), reading="coarse").rows}
    assert told[-1]["setting"] == {"evolve.alpha": 0.5, "evolve.tau": 0.2, "evolve.k": 3, "overview.layers": [4, 5, 6]}
    for target in ("box", "mask"):
        assert told[-1][target]["mIoU"] == pytest.approx(100 * rows[target].figures["mIoU"].value, abs=1e-10)  # type: ignore[index]


def test_of_a_run_with_closer_looks_the_first_look_is_scored(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    csv = write_damaged(tmp_path / "own")
    changes = {"overview.capture": "all", "zoom.rounds": 1}
    run(registry.find("file").read(csv, "test"), recipes.load("mini", changes), tmp_path, device="cpu")
    grid = {"evolve.alpha": [0.2, 0.4]}
    with caplog.at_level("WARNING", logger="zeroov"):
        assert figures(tmp_path, grid) == figures(folder, grid)
    assert "its first looks are scored" in caplog.text


def test_processes_change_nothing(folder: Path) -> None:
    grid: dict[str, list[Any]] = {"evolve.alpha": [0.2, 0.4], "stages": [["overview", "evolve"], ["overview", "focus"]]}
    alone, together = figures(folder, grid), figures(folder, grid, jobs=2)
    assert alone == together
    assert len({row["mask"]["mIoU"] for row in alone}) == 4


def test_layers_and_weights_that_do_not_fit_are_passed_over(folder: Path) -> None:
    told = figures(folder, {"overview.layers": [[2], [2, 3]], "overview.weights": [[1.0], [0.5, 0.3]]})
    assert [row["setting"]["overview.layers"] for row in told] == [[2], [2, 3]]
    with pytest.raises(UsageError, match="as many weights as layers"):
        figures(folder, {"overview.layers": [[2]], "overview.weights": [[0.5, 0.3]]})


def test_the_recipe_of_a_run_is_the_one_it_was_made_with(folder: Path) -> None:
    assert recipe_of(read_run(folder)).digest == recipes.load("mini", {"overview.capture": "all"}).digest
    decided = recipes.load("mini", {"min_score": 0.2, "said_absent": "keep"})
    assert recipe_of(Run("x", (), {"made_with": {"samples": 3, **decided.deciding()}})).digest == decided.digest
    with pytest.raises(UsageError, match="no manifest"):
        recipe_of(Run("x", ()))


def test_missing_dumps_are_told_and_no_figure_is_made_up(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DumpError, match="none of the dumps"):
        ablate(read_run(folder), [tmp_path], {"evolve.alpha": [0.4]}, named("honest"))
    for dump in sorted((folder / "dumps").glob("*.focus.*"))[1:]:
        (tmp_path / dump.name).write_bytes(dump.read_bytes())
    for dump in (folder / "dumps").glob("*.overview.*"):
        (tmp_path / dump.name).write_bytes(dump.read_bytes())
    with caplog.at_level("WARNING", logger="zeroov"):
        told = ablate(read_run(folder), [tmp_path], {"evolve.alpha": [0.4]}, named("honest"))
    assert "lost their dumps" in caplog.text
    assert told[0]["mask"]["samples"] == SCENES + 1


def test_uncaptured_layers_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="layers"):
        figures(folder, {"overview.layers": [[40]]})
    with pytest.raises(RecipeError):
        figures(folder, {"evolve.alpha": [2.0]})
    with pytest.raises(RecipeError, match="nothing to cut"):
        figures(folder, {"stages": [["overview", "refine"]]})
