"""Each question is asked once; what is written of its answer is decided later. No model: the answers are made up."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.batch import images_in, read_expressions
from zeroov.batch.classes import merged, overlap, under_two_classes
from zeroov.cli.main import app
from zeroov.errors import UsageError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.look import Look, Question
from zeroov.outputs.answer import Answer
from zeroov.outputs.decide import decide
from zeroov.outputs.found import Found, SceneInfo
from zeroov.types import Box, Overview

SAID = {  # expression: score, where the object's left side is, whether the model denies it
    "the ship": (0.9, 10, False),
    "the white ship": (0.7, 11, False),
    "the plane": (0.15, 40, False),
    "the tower": (0.001, 60, True),
}
LIST = "# two phrasings of one class\nthe ship\tship\nthe white ship\tship\n\nthe plane\nthe tower\n"
Calls = list[tuple[str, tuple[str, ...], dict[str, Any]]]


def found_at(left: int, score: float, text: str) -> Found:
    return Found(np.ones((20, 20), np.bool_), (left, 30), Box(left, 30, left + 20, 50), score, text)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Replace the models' answers by `SAID`; returns which image was asked what, and how."""
    asked: Calls = []

    def ground(
        self: Pipeline, scene: Any, texts: list[str], *, undecided: bool = False, **options: Any
    ) -> list[Answer]:
        asked.append((Path(scene.source).name, tuple(texts), {**options, "zoom": self.recipe.zoom.rounds}))
        picture, answers = scene.read(), []
        for text in texts:
            score, left, absent = SAID[text]
            overview = Overview(np.zeros((1, 2, 2), np.float32), (0,), "it", None, score, (56, 84), 1, "m", "r")
            look = Look(Question(picture, text), overview, absent, overview.layers[0])
            found, why = (found_at(left, score, text),), ""
            if not undecided:
                found, why = decide(found, "", absent, self.recipe)  # type: ignore[assignment]
            about = {"score": score, "words": "it", "info": SceneInfo.of(scene), "shown": picture, "looks": (look,)}
            answers.append(Answer(text, found, **about, why_empty=why))
        return answers

    monkeypatch.setattr(Pipeline, "ground", ground)
    return asked


@pytest.fixture
def command(tmp_path: Path) -> list[Any]:
    (tmp_path / "images").mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        Image.fromarray(np.full((100, 120, 3), 90 + number, np.uint8)).save(tmp_path / "images" / name)
    (tmp_path / "asked.txt").write_text(LIST)
    return [tmp_path / "images", "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out"]


def run(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["batch", *map(str, arguments), "--recipe", "mini", "--device", "cpu"])
    assert result.exit_code == code, result.output
    return result


def lines(tmp_path: Path) -> list[str]:
    return [line.split()[0] for line in (tmp_path / "out" / "yolo" / "labels" / "a.txt").read_text().splitlines()]


def test_another_threshold_format_or_class_asks_nothing(tmp_path: Path, command: list[Any], calls: Calls) -> None:
    run(*command, "--format", "yolo", "--min-score", "0.2")
    assert lines(tmp_path) == ["0"], "the plane is below 0.2, the tower denied, and both ships are one"
    assert [call[:2] for call in calls] == [(name, tuple(SAID)) for name in ("a.png", "b.png")]
    items = read_items(tmp_path / "out" / "answers.jsonl")
    assert [(item["score"], len(item["found"])) for item in items] == [(score, 1) for score, _, _ in SAID.values()] * 2
    run(*command, "--format", "yolo", "--min-score", "0.1")
    assert lines(tmp_path) == ["0", "1"]
    run(*command, "--format", "yolo,coco", "--set", "said_absent=keep")
    assert lines(tmp_path) == ["0", "1", "2"]
    (tmp_path / "asked.txt").write_text(LIST.replace("ship\tship", "ship").replace("plane\n", "plane\tthing\n"))
    told = run(*command, "--format", "coco", "--json")
    counts = json.loads(told.stdout)["answers"]
    assert counts == {"found": 6, "merged": 0, "doubtful": 0, "empty": 2, "denied": 2, "below": 0}
    coco = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [each["name"] for each in coco["categories"]] == ["the ship", "the white ship", "thing", "the tower"]
    assert len(calls) == 2


def test_export_needs_no_model(
    tmp_path: Path, command: list[Any], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run(*command, "--export", code=1)
    assert "holds no answers" in refused.output
    run(*command)
    before = json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"][0]["attributes"]
    monkeypatch.setattr("zeroov.pipeline.models.LoadedModels.locate", lambda *_: pytest.fail("a model was looked for"))
    told = run(*command, "--export", "--min-score", "0.2", "--format", "yolo,coco")
    assert lines(tmp_path) == ["0"]
    assert "4 found (2 of them the same object as another expression of the class), 4 empty" in told.output
    assert "2 of them because the model says that there is no such object, 2 of them below the least" in told.output
    after = json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"][0]["attributes"]
    assert after.pop("recipe_digest") != before.pop("recipe_digest")
    assert after == before
    assert after["expression"] == "the ship"
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    names = {each["id"]: each["name"] for each in document["categories"]}
    assert names[document["annotations"][0]["category_id"]] == "ship"
    other = run(*command, "--export", "--set", "evolve.alpha=0.9", code=1)
    assert "evolve.alpha = " in other.output
    run(*command, "--export", "--retry-failed", code=2)


def test_a_further_expression_or_picture_asks_only_what_is_new(
    tmp_path: Path, command: list[Any], calls: Calls
) -> None:
    (tmp_path / "asked.txt").write_text("the ship\n")
    run(*command)
    (tmp_path / "asked.txt").write_text("the plane\nthe ship\n")
    run(*command)
    Image.fromarray(np.full((100, 120, 3), 200, np.uint8)).save(tmp_path / "images" / "c.png")
    told = json.loads(run(*command, "--export", "--json").stdout)
    assert told["unanswered"] == 1
    run(*command)
    first, further, new = ("the ship",), ("the plane",), ("the plane", "the ship")
    assert [call[:2] for call in calls] == [
        *[(name, first) for name in ("a.png", "b.png")],
        *[(name, further) for name in ("a.png", "b.png")],
        ("c.png", new),
    ]
    assert {len(Path(tmp_path / "out" / "answers.jsonl").read_text().splitlines())} == {6}


def test_a_closer_look_and_a_search_are_asked_for(command: list[Any], calls: Calls) -> None:
    run(*command, "--zoom", "--no-scene")
    assert [(call[2]["zoom"], call[2]["search"]) for call in calls] == [(1, False)] * 2
    refused = run(*command, "--zoom", "--scene", code=1)
    assert "made with scene = False where now it is True" in refused.output
    assert run(*command, "--all", "--no-scene", code=2)


def test_a_stop_says_what_is_kept_and_how_to_go_on(
    tmp_path: Path, command: list[Any], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = Pipeline.ground

    def stopped(self: Pipeline, scene: Any, *asked: Any, **options: Any) -> Any:
        if Path(scene.source).name == "b.png":
            raise KeyboardInterrupt
        return answering(self, scene, *asked, **options)

    monkeypatch.setattr(Pipeline, "ground", stopped)
    told = run(*command, code=130)
    assert "1 of 2 images are answered and kept" in told.output
    assert "the same command goes on there, and with --export" in told.output
    assert not (tmp_path / "out" / "coco.json").exists()
    exported = run(*command, "--export", "--format", "yolo")
    assert "not answered whole: 1 image; " in exported.output
    labels = tmp_path / "out" / "yolo" / "labels"
    assert {path.name for path in labels.iterdir()} == {"a.txt"}, "an image that was not asked is no background"


def test_overlays_and_sheets_show_what_is_doubtful_first(
    tmp_path: Path, command: list[Any], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeroov.show import contact

    pages: list[tuple[str, list[contact.ContactTile]]] = []
    monkeypatch.setattr(contact, "draw_contact_sheet", lambda head, tiles: pages.append((head, tiles)) or b"a page")
    monkeypatch.setattr("zeroov.batch.pictures.ON_A_PAGE", 4)
    told = run(*command, "--format", "overlay,sheet", "--min-score", "0.2", "--json")
    files = [Path(name).relative_to(tmp_path / "out").as_posix() for name in json.loads(told.stdout)["files"]]
    assert files == ["a.overlay.png", "b.overlay.png", "sheet/page-01.png", "sheet/page-02.png"]
    with Image.open(tmp_path / "out" / "a.overlay.png") as drawn:
        factor = drawn.width // 120  # a small picture is enlarged
        assert drawn.height > 100 * factor, "below it stands what each number is"
        assert len(np.unique(np.asarray(drawn)[: 100 * factor])) > 1
    assert [head for head, _ in pages] == [f"scores nearest to 0.2 first: page {n} of 2" for n in (1, 2)]
    tiles = [tile for _, page in pages for tile in page]
    assert [tile.title for tile in tiles[::2]] == ["0.15  a.png", "0.70  a.png", "0.90  a.png"]
    assert [tile.expression for tile in tiles[::2]] == [
        "NOT SHOWN: the plane",
        "ship: the white ship",
        "ship: the ship",
    ]
    assert tiles[0].mask is not None
    assert np.argwhere(tiles[0].mask).min(axis=0).tolist() == [30, 40]
    again = images_in([tmp_path / "out", tmp_path / "images"], tmp_path / "out")
    assert {path.name for path in again} == {"a.png", "b.png"}


def test_many_files_are_counted_and_few_are_named(tmp_path: Path, command: list[Any], calls: Calls) -> None:
    told = run(*command, "--format", "yolo,coco")
    assert f"yolo      4 files in {tmp_path / 'out' / 'yolo'}" in told.output
    assert f"coco      {tmp_path / 'out' / 'coco.json'}" in told.output


def test_a_list_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "asked.txt"
    path.write_text("  the  ship \t a  ship \n#the plane\tplane\n\nthe tower\nthe ship\ta ship\n")
    assert read_expressions(path) == {"the ship": "a ship", "the tower": "the tower"}
    path.write_text("the ship\tship\nthe ship\tboat\n")
    with pytest.raises(UsageError, match=r"asked.txt`:2 gives `the ship` the class `boat`, an earlier line `ship`"):
        read_expressions(path)


def test_one_object_of_one_class_is_there_once() -> None:
    ships = [found_at(10, 0.7, "the ship"), found_at(12, 0.8, "the white ship"), found_at(25, 0.6, "the grey ship")]
    classes = dict.fromkeys(("the ship", "the white ship", "the grey ship"), "ship")
    assert overlap(ships[0], ships[1]) == pytest.approx(18 / 22)
    assert overlap(ships[0], found_at(90, 0.5, "the ship")) == 0
    assert [each.expression for each in merged(ships, classes)] == ["the white ship", "the grey ship"]
    assert merged(ships, {}) == ships


def test_one_object_under_two_classes_is_said(tmp_path: Path, command: list[Any], calls: Calls) -> None:
    (tmp_path / "asked.txt").write_text("the ship\tship\nthe white ship\tboat\nthe plane\n")
    told = run(*command)
    assert (
        "one object under two classes (IoU 0.7 or more), of which one at most is right: 2 pairs, a.png" in told.output
    )
    assert "a.png: ship 0.90 and boat 0.70, b.png: ship" in told.output
    pair = json.loads(run(*command, "--export", "--json").stdout)["twice"][0]
    assert (pair["classes"], pair["scores"], pair["iou"]) == (["ship", "boat"], [0.9, 0.7], round(19 / 21, 4))
    (tmp_path / "asked.txt").write_text(LIST)
    assert "two classes" not in run(*command, "--export").output, "two phrasings of one class are one object"


def test_what_is_one_object_under_two_classes() -> None:
    kept = merged([found_at(left, 0.5, text) for left, text in ((10, "a"), (13, "b"), (14, "c"), (90, "d"))], {})
    pairs = [(one.expression, other.expression) for one, other, _ in under_two_classes(kept, {})]
    assert pairs == [("b", "c"), ("a", "b")], "a and c share 16 of 24 pixels"
    assert under_two_classes([found_at(10, 0.5, "a"), found_at(10, 0.5, "b")], {"a": "x", "b": "x"}) == []
    assert under_two_classes([], {}) == []


def test_export_takes_the_recipe_that_was_asked_with(tmp_path: Path, command: list[Any], calls: Calls) -> None:
    run(*command, "--set", "evolve.alpha=0.45")
    plain = [str(each) for each in ["batch", *command]]
    exported = CliRunner().invoke(app, [*plain, "--export", "--set", "said_absent=keep", "--json"])
    assert exported.exit_code == 0, exported.output
    assert json.loads(exported.stdout)["answers"]["doubtful"] == 2
    attributes = json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"][0]["attributes"]
    assert attributes["recipe"] == "mini"
    for other in (["--recipe", "tiny", "--export"], ["--recipe", "tiny", "--device", "cpu"]):
        refused = CliRunner().invoke(app, [*plain, *other])
        assert refused.exit_code == 1
        assert "was asked with recipe `mini`, and now it is `tiny`; give --recipe " in refused.output
        assert "evolve.alpha" not in refused.output


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_export_leaves_nothing_of_a_replaced_or_deleted_picture(
    tmp_path: Path, command: list[Any], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(logging.getLogger("zeroov"), "warning", lambda text, *values: warnings.append(text % values))
    for number, name in ((200, "c.png"), (201, "d.png")):
        Image.fromarray(np.full((100, 120, 3), number, np.uint8)).save(tmp_path / "images" / name)
    run(*command, "--format", "yolo,labelme,overlay,png,coco,sheet")
    (tmp_path / "out" / "yolo" / "labels" / "mine.txt").write_text("a user's own")
    (tmp_path / "out" / "b.mine.png").write_text("a user's own")
    Image.fromarray(np.full((100, 120, 3), 17, np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "b.png").unlink()
    exported = run(*command, "--export", "--format", "yolo")
    left = {name for name in names_in(tmp_path / "out") if not name.startswith("answers.")}
    assert {name for name in left if "a" in Path(name).name[:2] or "b" in Path(name).name[:2]} - {"b.mine.png"} == {
        "labelme/labels.txt",
        "yolo/data.yaml",
    } & left, "no file of a or b"
    assert {name for name in left if Path(name).name.startswith(("c.", "d."))} == {
        f"{folder}{stem}{ending}"
        for stem in "cd"
        for folder, ending in (("yolo/labels/", ".txt"), ("labelme/", ".json"), ("", ".overlay.png"), ("", ".mask.png"))
    }
    assert not {"coco.json", "sheet/page-01.png"} & left, "they hold all images, a and b too"
    assert {"yolo/labels/mine.txt", "b.mine.png"} <= left
    assert any("1 image changed since the answer" in text for text in warnings)
    assert any("files of images that were replaced or are gone (" in text for text in warnings)
    assert "left as before" not in exported.output, "what is left is of the same threshold and classes"


def test_another_threshold_or_class_leaves_nothing_of_the_old_one_and_names_what_stays(
    tmp_path: Path, command: list[Any], calls: Calls
) -> None:
    run(*command, "--format", "yolo,png,coco")
    one = [tmp_path / "images" / "a.png", *command[1:]]
    run(*one, "--export", "--format", "yolo")
    labels = tmp_path / "out" / "yolo" / "labels"
    assert {path.name for path in labels.iterdir()} == {"a.txt", "b.txt"}, "b is as it would be written now"
    exported = run(*one, "--export", "--format", "yolo", "--min-score", "0.8")
    assert {path.name for path in labels.iterdir()} == {"a.txt"}
    assert "without new images: coco, png; --export" in exported.output
    assert "--export --format coco,png" in exported.output
    (tmp_path / "asked.txt").write_text(LIST.replace("\tship", "\tvessel"))
    assert json.loads(run(*one, "--export", "--format", "yolo", "--json").stdout)["earlier"] == ["coco", "png"]


@pytest.mark.parametrize("typed", ["<TAB>", "<tab>", "\\t"])
def test_letters_that_stand_for_a_tab_are_refused(typed: str, tmp_path: Path) -> None:
    path = tmp_path / "asked.txt"
    path.write_text(f"# <TAB> stands for a tab\nthe ship\nthe white plane{typed}plane\n")
    with pytest.raises(UsageError) as refused:
        read_expressions(path)
    assert f"asked.txt`:3 holds the letters {typed}: `the white plane{typed}plane`; press the tab key" in str(
        refused.value
    )
