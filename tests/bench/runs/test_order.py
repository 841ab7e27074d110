"""Samples are asked picture by picture, pictures of one size together, and recorded in the order of the split."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.data.sample import Sample
from zeroov.bench.runs.order import TOGETHER, by_size, chunks, first_group
from zeroov.bench.runs.run import run
from zeroov.files.journal import read_items
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.overview import stage

SIZES = [(224, 224), (112, 224), (224, 224), (112, 224), (224, 224), (112, 224)]
TWICE = {0, 3}  # images that are asked two things
pytestmark = pytest.mark.usefixtures("kept_models")


def samples(*images: str) -> list[Sample]:
    return [Sample(id=f"{number}", image=image, expression="the ship") for number, image in enumerate(images)]


def names(group: list[Sample]) -> str:
    return "".join(sample.image for sample in group)


def test_the_samples_of_a_picture_stay_together() -> None:
    asked = samples(*"aabbbcdddde")
    assert [names(chunk) for chunk in chunks(asked, 1)] == ["aa", "bbb", "c", "dddd", "e"]
    assert [names(chunk) for chunk in chunks(asked, 4)] == ["aabbbcdddde"]
    assert names(first_group(asked, 4, TOGETHER)) == "aa"  # three more are more than a call takes
    assert names(first_group(asked, 5, TOGETHER)) == "aabbb"
    assert names(first_group(asked[2:], 1, TOGETHER)) == "bbb"
    assert names(first_group(asked[2:], 1, 1)) == "b"  # where memory is short
    assert names(first_group(asked, 2, TOGETHER, shared=True)) == "aabbb"  # two pictures are two of a call
    assert first_group([], 4, TOGETHER) == []
    many = samples(*"a" * (TOGETHER + 3), "b")
    assert names(first_group(many, 4, TOGETHER)) == "a" * TOGETHER
    assert names(first_group(many[TOGETHER:], 4, TOGETHER)) == "aaab"


def test_pictures_of_one_size_follow_one_another() -> None:
    asked = samples(*"aabcd")
    hws = {"a": (9, 9), "b": (5, 9), "c": (9, 9), "d": (9, 5)}
    assert names(by_size(asked, 4, lambda sample: hws[sample.image])) == "bdaac"
    assert names(by_size(asked, 1, lambda _: pytest.fail("one a call needs no size"))) == "aabcd"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    with (folder / "test.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["id", "image", "expression", "x0", "y0", "x1", "y1"])
        for number, hw in enumerate(SIZES):
            scene = make_scene(seed_for("test", number), SceneStyle(height_width=hw))
            Image.fromarray(scene.image).save(folder / f"{number}.png")
            texts = ["the ship", "the largest building"] if number in TWICE else ["the plane"]
            for text in texts:
                write.writerow([f"{number} {text}", f"{number}.png", text, 1, 1, 9, 9])
    return folder / "test.csv"


def recorded(path: Path) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != "seconds"} for item in read_items(path)]


def test_a_batch_holds_pictures_of_one_size_and_the_records_are_those_of_one_by_one(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, calls = registry.find("file").read(mixed, "test"), []
    original = stage.look

    def counted(models: Any, pictures: Any, *others: Any) -> Any:
        calls.append([picture.hw for picture in pictures])
        return original(models, pictures, *others)

    monkeypatch.setattr(stage, "look", counted)
    for batch in (1, 4):
        recipe = recipes.load("mini", {"stages": ["overview"], "runtime.batch": batch})
        run(split, recipe, tmp_path / str(batch), device="cpu")
    one_by_one, together = (recorded(tmp_path / str(batch) / "records.jsonl") for batch in (1, 4))
    assert calls == [[hw] * (1 + (number in TWICE)) for number, hw in enumerate(SIZES)] + [
        [(112, 224)] * 4 + [(224, 224)] * 2,  # four pictures, of which two are asked two things
        [(224, 224)] * 2,
    ]
    assert [item["id"] for item in together] == [sample.id for sample in split.samples]
    scores = [[item.pop("score") for item in items] for items in (one_by_one, together)]
    assert json.dumps(one_by_one) == json.dumps(together)
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_a_run_that_is_stopped_keeps_the_records_that_were_made(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from zeroov.pipeline.run import Stages

    split = registry.find("file").read(mixed, "test")
    recipe = recipes.load("mini", {"stages": ["overview"], "runtime.batch": 2})
    asked: list[int] = []
    original = Stages.look

    def dying(self: Stages, questions: Any, *rest: Any) -> Any:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(questions))
        return original(self, questions, *rest)

    monkeypatch.setattr(Stages, "look", dying)
    with pytest.raises(KeyboardInterrupt):
        run(split, recipe, tmp_path / "run", device="cpu")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading")]
    monkeypatch.setattr(Stages, "look", original)
    stood = [item["id"] for item in read_items(tmp_path / "run" / "records.jsonl")]
    assert len(stood) == sum(asked) > 0
    assert stood == [sample.id for sample in split.samples if sample.id in stood]
    assert run(split, recipe, tmp_path / "run", device="cpu").done_now == len(split.samples) - len(stood)
