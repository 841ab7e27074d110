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


def written(folder: Path, *files: str) -> list[Path]:
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("labels")
    return [folder / name for name in files]


def update(folder: Path, images: dict[str, str], unwritten: tuple[str, ...] = (), **formats: list[str]) -> set[str]:
    """Write the files of formats, and return the names of the older ones that are removed."""
    paths = {name: written(folder, *files) for name, files in formats.items()}
    removed = update_list(folder / "answers.written.json", paths, unwritten, images)
    return {str(path.relative_to(folder)) for paths in removed.values() for path in paths}


def test_another_format_of_the_same_images_stays(tmp_path: Path) -> None:
    assert update(tmp_path, {"/a.png": "1"}, coco=["coco.json"]) == set()
    assert update(tmp_path, {"/a.png": "1", "/b.png": "2"}, yolo=["yolo/a.txt", "yolo/b.txt"]) == set()
    assert update(tmp_path, {"/b.png": "3"}, png=["b.png"]) == {"yolo/a.txt", "yolo/b.txt"}
    assert update(tmp_path, {"/a.png": "4"}, png=["a.png"]) == {"coco.json"}
    assert set(json.loads((tmp_path / "answers.written.json").read_text())) == {"png"}
    assert names(tmp_path) == {"answers.written.json", "a.png", "b.png"}


def test_a_file_that_has_another_name_now_does_not_stay_twice(tmp_path: Path) -> None:
    update(tmp_path, {"/a.png": "1", "/b.png": "2"}, yolo=["yolo/a.txt", "yolo/b.txt"])
    assert update(tmp_path, {"/c.png": "3"}, yolo=["yolo/c.txt"]) == set(), "a and b were not asked this time"
    moved = {"/a.png": "1", "/deeper/b.png": "2", "/c.png": "3"}
    assert update(tmp_path, moved, yolo=["yolo/a.txt", "yolo/deeper-b.txt", "yolo/c.txt"]) == {"yolo/b.txt"}


def test_a_copy_that_was_not_asked_this_time_keeps_its_file(tmp_path: Path) -> None:
    image, copy = (tmp_path / name for name in ("a.png", "copy.png"))
    copy.write_text("an image")
    update(tmp_path, {str(image): "1", str(copy): "1"}, yolo=["yolo/a.txt", "yolo/copy.txt"])
    assert update(tmp_path, {str(image): "1"}, yolo=["yolo/a.txt"]) == set()
    copy.unlink()
    assert update(tmp_path, {str(image): "1"}, yolo=["yolo/a.txt"]) == {"yolo/copy.txt"}


def test_the_reason_names_the_image_that_changed_and_the_way_back(tmp_path: Path) -> None:
    update(tmp_path, {"/a.png": "1", "/b.png": "2"}, yolo=["yolo/a.txt", "yolo/b.txt"])
    (removed,) = update_list(tmp_path / "answers.written.json", {}, (), {"/a.png": "1", "/b.png": "3"}).items()
    assert removed[0] == "b.png changed since format yolo was written; with --format yolo it is written again"
    assert len(removed[1]) == 2, "the whole format goes: its lists of images and of classes name them all"


def test_a_format_that_cannot_be_written_now_keeps_its_older_file(tmp_path: Path) -> None:
    update(tmp_path, {"/a.png": "1"}, coco=["coco.json"])
    assert update(tmp_path, {"/a.png": "2"}, ("coco",)) == set()
    assert update(tmp_path, {"/a.png": "2"}) == {"coco.json"}


def test_a_list_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"coco": 1}'):
        (tmp_path / "answers.written.json").write_text(text)
        assert update(tmp_path, {"/a.png": "1"}, coco=["coco.json"]) == set()
        assert set(json.loads((tmp_path / "answers.written.json").read_text())) == {"coco"}
