from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.own import write_own
from zeroov import recipe as recipes
from zeroov.bench.ablate import ablate, parse_grid, recipe_of, tell_setting
from zeroov.bench.data import registry
from zeroov.bench.protocols import named
from zeroov.bench.records import Run, read_run
from zeroov.bench.run import run
from zeroov.bench.score import score
from zeroov.errors import DumpError, RecipeError, UsageError

SCENES = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    csv = write_own(tmp_path_factory.mktemp("own"), SCENES)
    images = sorted((csv.parent / "images").iterdir())
    images[-1].write_bytes(b"no picture")  # a failed sample is a miss under every setting
    out = tmp_path_factory.mktemp("run")
    changes = {"overview.capture": "all"}
    run(registry.find("file").read(csv, "test"), recipes.load("mini", changes), out, device="cpu")
    return out


def figures(folder: Path, grid: dict[str, list[Any]], protocol: str = "honest", jobs: int = 1) -> list[dict[str, Any]]:
    how = named(protocol)
    settings = ablate(read_run(folder), [folder / "dumps"], grid, how, jobs=jobs)
    return [tell_setting(setting, settings[0], how) for setting in settings]


@pytest.mark.parametrize("protocol", ["honest", "rsvg-zeroov", "rmsin", "segearth-r1", "lqvg", "vrsbench"])
def test_the_runs_own_setting_scores_as_its_records_before_refine_do(folder: Path, protocol: str) -> None:
    (told,) = figures(folder, {"evolve.alpha": [0.4]}, protocol)
    rows = score(read_run(folder), named(protocol), reading="coarse").rows
    if named(protocol).skips_failed:  # a setting's denominator is always the split
        rows = ()
    for row in rows:
        if row.target != "point":
            for name, figure in row.figures.items():
                assert told[row.target][name] == pytest.approx(figure.value, abs=1e-12), (row.target, name)
            assert told[row.target]["samples"] == row.samples == SCENES + 1


def test_a_setting_scores_as_a_run_made_with_it(folder: Path, tmp_path: Path) -> None:
    grid = {"evolve.alpha": [0.3, 0.5], "evolve.tau": [0.2], "evolve.k": [3], "overview.layers": [[2], [4, 5, 6]]}
    told = figures(folder, grid)
    assert len(told) == 4
    csv = write_own(tmp_path / "own", SCENES)
    (csv.parent / "images" / sorted((csv.parent / "images").iterdir())[-1].name).write_bytes(b"no picture")
    changes = {"overview.capture": "all", "evolve.alpha": 0.5, "evolve.tau": 0.2, "evolve.k": 3}
    changes |= {"overview.layers": [4, 5, 6], "overview.weights": [1.0, 1.0, 1.0]}
    run(registry.find("file").read(csv, "test"), recipes.load("mini", changes), tmp_path, device="cpu")
    rows = {row.target: row for row in score(read_run(tmp_path), named("honest"), reading="coarse").rows}
    assert told[-1]["setting"] == {"evolve.alpha": 0.5, "evolve.tau": 0.2, "evolve.k": 3, "overview.layers": [4, 5, 6]}
    for target in ("box", "mask"):
        assert told[-1][target]["mIoU"] == pytest.approx(rows[target].figures["mIoU"].value, abs=1e-12)  # type: ignore[index]


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
    with pytest.raises(UsageError, match="no manifest"):
        recipe_of(Run("x", ()))


def test_missing_dumps_are_told_and_no_figure_is_made_up(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DumpError, match="none of the dumps"):
        ablate(read_run(folder), [tmp_path], {"evolve.alpha": [0.4]}, named("honest"), jobs=1)
    for dump in sorted((folder / "dumps").glob("*.focus.*"))[1:]:
        (tmp_path / dump.name).write_bytes(dump.read_bytes())
    for dump in (folder / "dumps").glob("*.overview.*"):
        (tmp_path / dump.name).write_bytes(dump.read_bytes())
    with caplog.at_level("WARNING", logger="zeroov"):
        told = ablate(read_run(folder), [tmp_path], {"evolve.alpha": [0.4]}, named("honest"), jobs=1)
    assert "lost their dumps" in caplog.text
    assert told[0].mask is not None
    assert len(told[0].mask) == SCENES + 1


def test_uncaptured_layers_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="layers"):
        figures(folder, {"overview.layers": [[40]]})
    with pytest.raises(RecipeError):
        figures(folder, {"evolve.alpha": [2.0]})
    with pytest.raises(RecipeError, match="nothing to cut"):
        figures(folder, {"stages": [["overview", "refine"]]})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["evolve.alpha=0.2,0.3"], {"evolve.alpha": [0.2, 0.3]}),
        (["overview.layers=[2],[2,3]"], {"overview.layers": [[2], [2, 3]]}),
        (["overview.layers=[2,3]"], {"overview.layers": [[2, 3]]}),
        (["evolve.k=7", "evolve.official=true,false"], {"evolve.k": [7], "evolve.official": [True, False]}),
        (
            ['stages=["overview","focus"],["overview","evolve"]'],
            {"stages": [["overview", "focus"], ["overview", "evolve"]]},
        ),
    ],
)
def test_grids_are_read(texts: list[str], expected: dict[str, Any]) -> None:
    assert parse_grid(texts) == expected


@pytest.mark.parametrize(
    "text", ["", "evolve.alpha", "evolve.alpha=", "evolve.alfa=1", "focus.t=1", "evolve.alpha=0.2,,"]
)
def test_a_grid_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_grid([text] if text else [])


def test_the_command_prints_writes_and_draws(folder: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from zeroov.cli.main import app

    command = ["bench", "ablate", str(folder), "--grid", "evolve.alpha=0.3,0.4", "evolve.tau=0.2,0.3"]
    files = ["--plot", str(tmp_path / "a.png"), "--csv", str(tmp_path / "a.csv"), "--jobs", "1"]
    told = CliRunner().invoke(app, [*command, *files])
    assert told.exit_code == 0, told.output
    assert told.output.count("*") == 1
    assert "0.4, 0.3 *" in told.output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5
    document = json.loads(CliRunner().invoke(app, [*command, "--jobs", "1", "--json"]).stdout)
    assert [row["own"] for row in document["settings"]].count(True) == 1
    assert np.isfinite([row["mask"]["mIoU"] for row in document["settings"]]).all()
