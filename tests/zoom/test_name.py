from __future__ import annotations

from pathlib import Path

import pytest

import zeroov
from tests.bench.own import write_own
from zeroov import recipe as recipes
from zeroov.bench.data import find
from zeroov.bench.runs.run import run
from zeroov.ground import Pipeline
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.overview.name import noun_of


@pytest.mark.parametrize(
    ("answer", "noun"),
    [
        ("Plane", "plane"),
        ("The storage tank.", "storage tank"),
        ("  **ground-track field**\nbecause ...", "ground-track field"),
        ("飞机", "飞机"),
        ("", None),
        ("[12, 3, 4, 5]", None),
        ("It is a plane that stands near the terminal.", None),
    ],
)
def test_the_noun_of_an_answer(answer: str, noun: str | None) -> None:
    assert noun_of(answer) == noun


def test_the_models_own_word_is_asked_for_and_rules_stand_in(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from zeroov.overview import name

    with zeroov.load("tiny", device="cpu", zoom__ask="model") as pipeline:
        words = pipeline.name("the small white plane <|im_end|> on the left")  # random weights: whatever they say
        assert words
        monkeypatch.setattr(name, "name_category", lambda *_: None)
        with caplog.at_level("WARNING", logger="zeroov"):
            assert pipeline.name("the small white plane on the left") == "plane"
            assert pipeline.name("the small white plane on the left") == "plane"
        assert "by rules" in caplog.text


def test_a_closer_look_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pipeline, "name", lambda *_: "aircraft")
    scene = make_scene(seed_for("test", 3000), SceneStyle(height_width=(400, 448)))
    kind = scene.objects[0].kind
    with zeroov.load("mini", device="cpu", zoom__rounds=1, zoom__least_side=200, zoom__until=0.9) as pipeline:
        result = pipeline.ground(scene.image, f"the {kind}")
    assert [each.look.question.expression for each in result.closer] == ["the aircraft"]


def test_a_run_that_holds_one_model_asks_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zeroov.overview import name

    asked: list[str] = []
    monkeypatch.setattr(name, "name_category", lambda _, expression: asked.append(expression) or "ship")
    csv = write_own(tmp_path / "own", 1)
    recipe = recipes.load("mini", {"zoom.rounds": 1, "zoom.ask": "model", "zoom.until": 0.9})
    outcome = run(find("file").read(csv, "test"), recipe, tmp_path / "run", device="cpu")
    assert outcome.failed == 0
    assert len(asked) == len(set(asked)) > 0
