from __future__ import annotations

from pathlib import Path

import pytest

import zeroov
from zeroov import recipe as recipes
from zeroov.bench.data import find
from zeroov.bench.runs.run import run
from zeroov.errors import RecipeError
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
        words = pipeline.category("the small white plane <|im_end|> on the left")  # random weights: whatever they say
        assert words
        monkeypatch.setattr(name, "name_category", lambda *_: None)
        with caplog.at_level("WARNING", logger="zeroov"):
            assert pipeline.category("the small white plane on the left") == "plane"
        assert "by rules" in caplog.text


def test_a_closer_look_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pipeline, "category", lambda *_: "aircraft")
    scene = make_scene(seed_for("test", 3000), SceneStyle(height_width=(400, 448)))
    kind = scene.objects[0].kind
    with zeroov.load("mini", device="cpu", zoom__rounds=1, zoom__least_side=200, zoom__until=0.9) as pipeline:
        result = pipeline.ground(scene.image, f"the {kind}")
    assert [look.expression for look in result.looks] == ["the aircraft"]


def test_a_run_that_holds_one_model_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("image,expression\na.png,the ship\n")
    recipe = recipes.load("mini", {"zoom.rounds": 1, "zoom.ask": "model"})
    with pytest.raises(RecipeError, match="two models at once"):
        run(find("file").read(tmp_path / "test.csv", "test"), recipe, tmp_path / "run", device="cpu")
