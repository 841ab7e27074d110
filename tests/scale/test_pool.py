"""Models with actors of their own: a row goes from one to the next, and what cannot be done so is refused at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov import recipe as recipes
from zeroov.batch.ask import AskOptions
from zeroov.batch.images import Asked
from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.cli.options import actors_of
from zeroov.errors import OutputError, UsageError
from zeroov.pipeline.models import MODEL_STAGES, ModelStage
from zeroov.scale import pool
from zeroov.scale.pool import Actor, Part, Pool, Row, connect
from zeroov.scale.ray import RayEngine, Work, row_of

pyarrow = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.usefixtures("kept_models")
ASKED = ("the ship", "the largest building")


def chained(work: Any, rows: Sequence[Row], *parts: tuple[ModelStage, ...]) -> list[list[Row]]:
    """Send rows through an actor of each part's models; return what comes out of each."""
    some = [{"waits": "", **row, "foreseen": True} for row in rows]
    table = pyarrow.Table.from_pylist(some).append_column(
        "items", pyarrow.array([""] * len(some), pyarrow.large_string())
    )
    seen = []
    for stages in parts:
        table = Actor(work, stages, stages == parts[-1])(table)
        seen.append(table.to_pylist())
    return seen


def test_a_row_goes_from_actor_to_actor_and_is_answered_as_by_one_with_all_models(tmp_path: Path) -> None:
    scene = next(each.scene.image for each in questions(8) if each.truth)
    Image.fromarray(scene).save(tmp_path / "a.png")
    Image.fromarray(scene).resize((600, 600)).save(tmp_path / "large.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    (tmp_path / "maps").mkdir()
    asked = [Asked.of(tmp_path / name, ASKED) for name in ("a.png", "damaged.png", "large.png")]
    rows = [row_of(asked, dict.fromkeys(asked, ASKED), number) for number in range(3)]
    work = Work(recipes.load("mini"), "cpu", tmp_path / "maps", AskOptions())
    overview, focus, rest = chained(work, rows, ("overview",), ("focus",), ("detector", "refine"))
    assert [row["waits"] for row in (*overview, *focus, *rest)] == ["focus", "", "", "refine", "", "", "", "", ""]
    assert [bool(row["items"]) for row in overview] == [False, True, True]
    assert rest[1]["foreseen"]
    assert set(rest[0]) == {"number", "items", "foreseen", "waits"}
    ((whole,),) = chained(Work(work.recipe, "cpu", None, AskOptions()), rows[:1], MODEL_STAGES)
    assert json.loads(rest[0]["items"]) == json.loads(whole["items"])
    (refused, _) = json.loads(rest[2]["items"])
    assert "of 600 x 600 pixels is searched, which asks all models in turn" in refused["error"]
    assert "leave out --staged, or add --no-scene" in refused["error"]


def test_a_node_that_does_not_see_the_dumps_ends_the_work(tmp_path: Path) -> None:
    work = Work(recipes.load("mini"), "cpu", tmp_path / "elsewhere", AskOptions())
    ((row,),) = chained(work, [{"number": 0}], ("focus",))
    assert row["number"] == -1
    assert "elsewhere` is not there on every node; --dumps lies where all nodes" in row["items"]


@pytest.mark.parametrize(
    ("name", "changes"), [("mini", {"zoom.rounds": 2}), ("select-mini", {})], ids=["closer", "select"]
)
def test_recipes_that_need_an_earlier_model_again_get_it(
    name: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(next(each.scene.image for each in questions(8) if each.truth)).save(tmp_path / "a.png")
    asked, recipe = Asked.of(tmp_path / "a.png", ASKED[:1]), recipes.load(name).with_values(changes)
    sent = []

    def one_pass(self: Pool, _: Any, work: Any, count: int, rows: Any) -> Any:
        sent.append(count)
        for row in chained(work, list(rows), *(part.stages for part in self.parts))[-1]:
            yield tuple(row[column] for column in pool.ANSWERED)

    monkeypatch.setattr(pool, "_ray", Nodes)
    monkeypatch.setattr(Pool, "_pass", one_pass)
    (tmp_path / "maps").mkdir()
    answers = []
    for maps, stages in ((None, [MODEL_STAGES]), (tmp_path / "maps", pool.POOLS.values())):
        work = Work(recipe, "cpu", maps, AskOptions())
        parts = tuple(Part(each, 1) for each in stages)
        answers.append(list(Pool(parts, 0, "cpu").run(work, 1, partial(row_of, [asked], {asked: asked.expressions}))))
    assert answers[0] == answers[1]
    assert sent == [1, 1, 1], "all at once, and in two rounds"


class Nodes:
    """Stands for Ray where no node is lost."""

    def __init__(self) -> None:
        self.exceptions, self.RayError = self, KeyError

    def nodes(self) -> list[Any]:
        return []


class Rounds(Nodes):
    """Answers a row when it has been asked for each of some models in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *needs: list[str]) -> None:
        super().__init__()
        self.needs, self.passes = dict(enumerate(needs)), 0
        monkeypatch.setattr(pool, "_ray", lambda: self)
        monkeypatch.setattr(Pool, "_pass", self.one_pass)

    def one_pass(self, _: Any, __: Any, count: int, rows: Any) -> Any:
        self.passes += 1
        for row in rows:
            for stage in ("overview", "focus", "refine"):
                if self.needs[row["number"]][:1] == [stage]:
                    self.needs[row["number"]].pop(0)
            left = self.needs[row["number"]]
            yield row["number"], "" if left else "[]", True, left[0] if left else ""


def test_a_row_that_needs_an_earlier_model_again_goes_round_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (Part(("overview",), 1), Part(("focus",), 1), Part(("detector", "refine"), 1))
    once = ["overview", "focus", "refine"]
    rounds = Rounds(monkeypatch, once.copy(), once * 3, ["overview"], once * 2)
    answered = list(Pool(parts, 0, "cpu").run(None, 4, lambda number: {"number": number}))  # type: ignore[arg-type]
    assert [number for number, _, _ in answered] == [0, 2, 3, 1]
    assert rounds.passes == 3
    monkeypatch.setattr(pool, "PASSES", 4)
    endless = Rounds(monkeypatch, once * 5, once.copy())
    asked = Pool(parts, 0, "cpu").run(None, 2, lambda number: {"number": number})  # type: ignore[arg-type]
    assert next(asked) == (1, [], True)
    with pytest.raises(OutputError, match=r"1 image wait.* overview model after 4 rounds.*leave out --staged"):
        next(asked)
    assert endless.passes == 4


def test_what_cannot_be_done_in_stages_is_refused_before_a_cluster_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_ray", lambda: pytest.fail("a cluster was looked for"))
    recipe = recipes.load("mini")
    with pytest.raises(UsageError, match="needs --dumps DIR, which all nodes see"):
        RayEngine(None, "cpu", None, recipe)
    with pytest.raises(UsageError, match=r"zoom.ask=model says is in no dump.*--set zoom.ask=category"):
        connect(None, "cpu", recipe.with_values({"zoom.ask": "model"}))
    with pytest.raises(UsageError, match=r"has no pool `refine`; its pools are overview, focus, rest"):
        connect({"overview": 2, "refine": 2}, "cpu", recipe)


def test_actors_are_a_number_or_a_number_for_each_pool() -> None:
    assert actors_of(None, staged=True) is None
    assert actors_of("4", staged=False) == actors_of("4", staged=True) == 4
    assert actors_of("overview=4, focus=1", staged=True) == {"overview": 4, "focus": 1}
    for wrong in ("0", "-1", "four", "", "overview=", "overview=0", "=2", "overview=1,overview=2", "overview=1,2"):
        with pytest.raises(UsageError, match="write a number from 1 up, or overview=4,focus=1,rest=1"):
            actors_of(wrong, staged=True)
    with pytest.raises(UsageError, match="pools by name go with --staged"):
        actors_of("overview=4", staged=False)


def test_commands_refuse_options_that_do_not_go_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_ray", lambda: pytest.fail("a cluster was looked for"))
    (tmp_path / "asked.txt").write_text("the ship\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    batch = ["batch", str(tmp_path), "--expressions", str(tmp_path / "asked.txt"), "--out", str(tmp_path / "out")]
    run = ["bench", "run", "rrsisd", "--root", str(tmp_path), "--out", str(tmp_path / "out")]
    for command, options, why in (
        (batch, ["--staged"], "--staged goes with --engine ray"),
        (run, ["--staged"], "--staged goes with --engine ray"),
        (batch, ["--staged", "--engine=ray", "--all"], "leave out --staged, or --all and --scene"),
        (batch, ["--staged", "--engine=ray", "--scene"], "leave out --staged, or --all and --scene"),
        (batch, ["--staged", "--engine=ray"], "--staged needs --dumps DIR, which all nodes see"),
        (batch, ["--actors=2"], "--actors goes with --engine ray"),
        (batch, ["--engine=ray", "--actors=focus=2"], "pools by name go with --staged"),
        (run, ["--engine=ray", "--actors=some"], "write a number from 1 up"),
        (run, ["--engine=dask"], "it is ray, or left out"),
    ):
        refused = CliRunner().invoke(app, [*command, "--recipe=mini", "--device=cpu", *options])
        assert refused.exit_code == 2, refused.output
        assert why in " ".join(refused.output.split())
    assert not (tmp_path / "out").exists()
