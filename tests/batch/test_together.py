"""Where a call of a model takes several questions, a batch asks several small images at once, with the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import zeroov
from zeroov.batch import Asked, batch, images_in, one_by_one
from zeroov.batch.ask import Asker, AskOptions
from zeroov.files.journal import read_items
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.overview import stage
from zeroov.progress import SILENT

pytestmark = pytest.mark.usefixtures("kept_models")
SIZES = {"a": (224, 224), "b": (112, 224), "c": (224, 224), "d": (112, 224)}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, (name, hw) in enumerate(SIZES.items()):
        scene = make_scene(seed_for("test", number), SceneStyle(height_width=hw))
        Image.fromarray(scene.image).save(folder / f"{name}.png")
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    return folder


def test_small_images_are_asked_at_once_and_an_odd_one_costs_itself_alone(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[tuple[int, int]]] = []
    original = stage.look

    def counted(models: Any, pictures: Any, *others: Any) -> Any:
        calls.append([picture.hw for picture in pictures])
        return original(models, pictures, *others)

    monkeypatch.setattr(stage, "look", counted)
    files, asked = images_in([images]), ["the ship", "the largest building"]
    made: dict[int, Any] = {}
    for size in (1, 4):
        out = tmp_path / str(size)
        with zeroov.load("mini", device="cpu", stages=["overview"], runtime__batch=size) as pipeline:
            outcome = batch(pipeline, files, asked, out, one_by_one(out, ["coco"], asked, files))
        assert (outcome.images, outcome.done_now, outcome.failed) == (5, 5, {})
        items = {item["id"]: item for item in read_items(out / "answers.jsonl")}
        scores = [items[name].pop("score") for name in sorted(items)]
        for item in items.values():
            item["found"] = [{**found, "score": None} for found in item["found"]]
        made[size] = items, scores, json.loads((out / "coco.json").read_text())["images"], calls.copy()
        calls.clear()
    assert made[4][0] == made[1][0]
    assert made[4][1] == pytest.approx(made[1][1], abs=1e-5)
    assert made[4][2] == made[1][2]
    assert made[4][3] == [[(112, 224)] * 4, [(224, 224)] * 4]
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (broken / name).write_bytes((images / name).read_bytes()[: None if name != "b.png" else 2000])
    files = images_in([broken])
    with zeroov.load("mini", device="cpu", stages=["overview"], runtime__batch=8) as pipeline:
        outcome = batch(pipeline, files, asked, tmp_path / "odd", {})
    assert list(outcome.failed) == [str(broken / "b.png")]
    answered = {item["id"]: item["words"] for item in read_items(tmp_path / "odd" / "answers.jsonl") if "words" in item}
    assert answered == {name: item["words"] for name, item in made[1][0].items() if name in answered}
    assert len(answered) == 4


def test_what_is_searched_or_unknown_is_asked_alone(tmp_path: Path) -> None:
    for name, hw in {**SIZES, "large": (500, 90)}.items():
        Image.new("RGB", hw[::-1]).save(tmp_path / f"{name}.png")
    (tmp_path / "odd.png").write_bytes(b"no image")
    todo = {Asked.of(image): ["the ship"] for image in images_in([tmp_path])}
    with zeroov.load("mini", device="cpu", runtime__batch=3) as pipeline:
        together = Asker(pipeline, {}, AskOptions(), SILENT)._groups(todo)
        searched = Asker(pipeline, {}, AskOptions(every=True), SILENT)._groups(todo)
    names = ["".join(Path(each.image).stem for each in group) for group in together]
    assert names == ["large", "odd", "bda", "c"]
    assert all(len(group) == 1 for group in searched)
