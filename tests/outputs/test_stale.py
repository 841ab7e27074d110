"""A new answer has no file of an older one beside it, and nothing of the user's goes."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.outputs.test_answer import answer_of
from zeroov.outputs.stale import update_list

MAPS = ["geotiff", "coco", "yolo"]
OF_MAPS = {"a.mask.tif", "coco.json", "yolo"}
OWN = {"mask.png", "overlay.png", "result.json"}


@pytest.fixture(autouse=True)
def extra() -> None:
    pytest.importorskip("rasterio")
    pytest.importorskip("shapely")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_older_answers_formats_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer_of().save("out", MAPS)
    (tmp_path / "out" / "mine.gpkg").write_text("a user's own")
    (tmp_path / "out" / "a.mask.tif.aux.xml").write_text("statistics of a GIS program")
    assert names(tmp_path / "out") == {*OWN, *OF_MAPS, "mine.gpkg", "a.mask.tif.aux.xml"}
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    answer_of(found=0).save("../out", ["yolo-seg"])
    assert names(tmp_path / "out") == {*OWN, "yolo-seg", "mine.gpkg"}


def test_another_images_files_stay(tmp_path: Path) -> None:
    answer = answer_of()
    answer.save(tmp_path, MAPS)
    other = replace(answer, info=replace(answer.info, source="folder/b.tif"))
    other.save(tmp_path, ["geotiff"])
    assert names(tmp_path) == {*OWN, "a.mask.tif", "b.mask.tif", "yolo"}
    assert [path.name for path in (tmp_path / "yolo").rglob("*") if path.is_file()] == ["a.txt"]


def test_what_was_changed_since_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(logging.getLogger("zeroov"), "warning", lambda text, *values: warnings.append(text % values))
    answer_of().save(tmp_path, MAPS)
    later = (tmp_path / "result.json").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / "coco.json", ns=(later, later))
    answer_of().save(tmp_path)
    assert names(tmp_path) == {*OWN, "coco.json"}
    assert len(warnings) == 1
    assert "coco.json" in warnings[0]


def test_the_image_that_is_asked_stays(tmp_path: Path) -> None:
    answer = answer_of()
    answer.save(tmp_path, ["geotiff"])
    mask = tmp_path / "a.mask.tif"
    replace(answer, info=replace(answer.info, source=str(mask))).save(tmp_path)
    assert mask.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1]",
        "no JSON",
        '{"source": "a.tif", "files": {"result": "result.json", "formats": ["../a.tif", "/a.tif", "deeper"]}}',
        '{"source": "a.tif", "files": {"result": "deeper/result.json", "formats": ["mine.tif"]}}',
    ],
)
def test_a_result_that_lists_other_things_removes_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("a user's own")
    out = tmp_path / "out"
    (out / "deeper").mkdir(parents=True)
    (out / "mine.tif").write_text("a user's own")
    (out / "result.json").write_text(text)
    answer_of().save(out)
    assert names(out) == {*OWN, "deeper", "mine.tif"}
    assert (tmp_path / "a.tif").exists()


def update(
    folder: Path,
    images: dict[str, str],
    unwritten: tuple[str, ...] = (),
    *,
    decided: str = "once",
    answered: tuple[str, ...] | None = None,
    **formats: dict[str, str],
) -> tuple[set[str], set[str], tuple[str, ...]]:
    """Write the files of formats, each with its image; return which older ones are removed, and formats that stay.

    `images` are contents by name, and lie in the folder.
    """
    written: dict[str, dict[Path, str]] = {}
    for name, content in images.items():
        (folder / name).write_text(content)
    for format_name, files in formats.items():
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text("labels")
        written[format_name] = {folder / file: str(folder / of) if of else "" for file, of in files.items()}
    asked = {str(folder / name): content for name, content in images.items()}
    held = [str(folder / name) for name in (images if answered is None else answered)]
    told = update_list(folder / "answers.written.json", written, unwritten, asked=asked, answered=held, decided=decided)
    lost, older = ({path.relative_to(folder).as_posix() for path in paths} for paths in (told.lost, told.older))
    assert not any((folder / name).exists() for name in lost | older)
    return lost, older, told.earlier


A, B = {"yolo/a.txt": "a.png"}, {"yolo/b.txt": "b.png"}
BOTH, SHARED = {**A, **B}, {"yolo/classes.txt": ""}
NOTHING: tuple[set[str], set[str], tuple[str, ...]] = (set(), set(), ())


def test_another_format_of_the_same_images_stays(tmp_path: Path) -> None:
    images = {"a.png": "1", "b.png": "2"}
    assert update(tmp_path, images, coco={"coco.json": ""}) == NOTHING
    assert update(tmp_path, images, yolo=BOTH | SHARED) == NOTHING
    assert update(tmp_path, images, decided="another time", png={"a.mask.png": "a.png"}) == (
        set(),
        set(),
        ("coco", "yolo"),
    )
    assert update(tmp_path, images, png={"a.mask.png": "a.png"}) == NOTHING, "decided as they are"
    assert update(tmp_path, {**images, "c.png": "3"}, png={"a.mask.png": "a.png"})[2] == ("coco", "yolo")


def test_a_replaced_images_files_go_from_formats_that_are_not_written_too(tmp_path: Path) -> None:
    update(tmp_path, {"a.png": "1", "b.png": "2"}, coco={"coco.json": ""}, yolo=BOTH | SHARED)
    (tmp_path / "yolo" / "c.txt").write_text("a user's own")
    replaced = {"a.png": "new", "b.png": "2"}
    assert update(tmp_path, replaced, answered=("b.png",), png={}) == ({"coco.json", "yolo/a.txt"}, set(), ())
    assert update(tmp_path, {"b.png": "newer"}, answered=(), png={})[:2] == ({"yolo/b.txt"}, {"yolo/classes.txt"})
    assert names(tmp_path / "yolo") == {"c.txt"}


def test_a_deleted_images_files_go_and_a_moved_one_leaves_none_where_the_format_is_written(tmp_path: Path) -> None:
    update(tmp_path, {"a.png": "1", "b.png": "2"}, coco={"coco.json": ""}, yolo=BOTH | SHARED)
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    moved = {"a.png": "1", "c.png": "2"}
    assert update(tmp_path, moved, png={}) == (set(), set(), ("coco", "yolo")), "its answer is no older one"
    assert update(tmp_path, moved, yolo=A | {"yolo/c.txt": "c.png"} | SHARED)[:2] == (set(), {"yolo/b.txt"})
    (tmp_path / "c.png").unlink()
    assert update(tmp_path, {"a.png": "1"}, yolo=A | SHARED)[:2] == ({"yolo/c.txt", "coco.json"}, set())
    assert names(tmp_path / "yolo") == {"a.txt", "classes.txt"}


def test_an_image_that_is_not_asked_keeps_its_files_only_as_they_would_be_written_now(tmp_path: Path) -> None:
    update(tmp_path, {"a.png": "1", "b.png": "2"}, yolo=BOTH | SHARED)
    assert update(tmp_path, {"b.png": "2"}, yolo=B | SHARED) == NOTHING
    assert update(tmp_path, {"b.png": "2"}, decided="another time", yolo=B | SHARED) == (set(), {"yolo/a.txt"}, ())


def test_pages_that_are_not_written_any_more_go(tmp_path: Path) -> None:
    update(tmp_path, {"a.png": "1"}, sheet={"sheet/page-01.png": "", "sheet/page-02.png": ""})
    assert update(tmp_path, {"a.png": "1"}, sheet={"sheet/page-01.png": ""})[1] == {"sheet/page-02.png"}


def test_a_label_that_was_corrected_in_place_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(logging.getLogger("zeroov"), "warning", lambda text, *values: warnings.append(text % values))
    update(tmp_path, {"a.png": "1", "b.png": "2"}, yolo=BOTH)
    later = (tmp_path / "yolo" / "a.txt").stat().st_mtime_ns + 10**6
    os.utime(tmp_path / "yolo" / "a.txt", ns=(later, later))
    update(tmp_path, {"a.png": "1", "b.png": "2"}, png={})  # the list is written after the label was corrected
    assert update(tmp_path, {"a.png": "new", "b.png": "new"}, png={})[0] == {"yolo/b.txt"}
    assert "yolo/a.txt` belongs to an older answer, but was changed since; it stays" in warnings[0]


def test_a_format_that_cannot_be_written_now_keeps_its_older_file(tmp_path: Path) -> None:
    update(tmp_path, {"a.png": "1"}, coco={"coco.json": ""})
    assert update(tmp_path, {"a.png": "2"}, ("coco",)) == NOTHING
    assert update(tmp_path, {"a.png": "2"})[0] == {"coco.json"}


def test_a_list_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"coco": 1}', '{"coco": {"files": ["coco.json"], "images": {}}}'):
        (tmp_path / "answers.written.json").write_text(text)
        assert update(tmp_path, {"a.png": "1"}, coco={"coco.json": ""}) == NOTHING
        assert set(json.loads((tmp_path / "answers.written.json").read_text())) == {"coco"}
