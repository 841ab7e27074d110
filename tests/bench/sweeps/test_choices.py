"""Weights of the choice among candidates are swept from dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeroov import recipe as recipes
from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.protocols import named
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.settings import parse_grid
from zeroov.bench.sweeps.sweep import sweep
from zeroov.bench.sweeps.table import rows_of
from zeroov.dumps import DumpStore
from zeroov.dumps.values import write_pool
from zeroov.errors import DumpError, UsageError
from zeroov.types import Box, Candidate, Pool

LEFT, RIGHT = Box(10, 40, 30, 60), Box(70, 40, 90, 60)


def a_run(folder: Path, recipe: recipes.Recipe) -> Run:
    """Write a run of one sample whose maps lie for the right one and whose words for the left one."""
    pool = Pool(
        "ship",
        (Candidate(LEFT, 0.9, sources=("vlm",)), Candidate(RIGHT, 0.9, sources=("vlm",))),
        listed=True,
        extra={"attention": (0.1, 1.0)},
    )
    header = {"picture": {"digest": "d", "source": "a.png", "hw": [100, 100]}, "expression": "the ship on the left"}
    key = write_pool(DumpStore(folder), header, recipe, {"overview": "0" * 32, "focus": ""}, pool)
    values: dict[str, Any] = {"image": "a.png", "expression": "the ship on the left", "hw": (100, 100)}
    record = Record(id="a", status="empty", truth_box=LEFT.xyxy, dumps={"candidates": key}, **values)
    return Run("a", (record,), {"made_with": recipe.deciding()})


def test_a_weight_changes_who_is_chosen(tmp_path: Path) -> None:
    recipe = recipes.load("select-lite", {"select.place": 0.0, "select.attention": 1.0})
    run = a_run(tmp_path, recipe)
    grid = parse_grid(["select.place=0,1", "select.attention=0:1:0.5"])
    swept = sweep(run, Maps([tmp_path]), grid, named("honest"))
    assert swept.own == 2  # place 0, attention 1
    chosen = {
        (each.recipe.select.place, each.recipe.select.attention): tuple(swept.boxes[at, 0])
        for at, each in enumerate(swept.settings)
    }
    assert chosen[1, 0] == chosen[1, 0.5] == LEFT.xyxy
    assert chosen[0, 1] == chosen[0, 0.5] == RIGHT.xyxy
    rows = rows_of(swept, named("honest"))
    assert [row["box"]["mIoU"] for row in rows][2:4] == [0, 100]


def test_what_makes_other_candidates_is_no_weight(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="alone or none of them"):
        parse_grid(["select.place=0,1", "evolve.alpha=0.3"])
    run = a_run(tmp_path, recipes.load("fast"))
    with pytest.raises(UsageError, match="lacks `select`"):
        sweep(run, Maps([tmp_path]), parse_grid(["select.place=0,1"]), named("honest"))


def test_lost_dumps_are_told(tmp_path: Path) -> None:
    run = a_run(tmp_path, recipes.load("select-lite"))
    for file in tmp_path.glob("*.candidates.*"):
        file.unlink()
    with pytest.raises(DumpError, match="none of the dumps"):
        sweep(run, Maps([tmp_path]), parse_grid(["select.place=0,1"]), named("honest"))
