"""A batch that a full disk or a kill stopped goes on where it was, to the same answers and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import zeroov
from zeroov.batch import Outcome, batch, images_in, one_by_one
from zeroov.bench.mini.measure import questions
from zeroov.errors import OutputError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline

ASKED = ["the ship"]
FSYNC = os.fsync
KILLED = """
import os, signal, sys
from pathlib import Path
import zeroov
from tests.batch.test_stopped import go
images, out = map(Path, sys.argv[1:])
answers, original = out / "answers.jsonl", os.fsync
with zeroov.load("mini", device="cpu") as pipeline:
    pipeline.models.load_all()
    for written in (1, 2, 3, 2, 4):  # files and lines that are safe on the disk before the kill
        if (child := os.fork()) == 0:
            left = [written]
            def dying(file):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                original(file)
            os.fsync = dying
            go(pipeline, images, out)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it was not killed"
        if answers.exists():
            answers.write_bytes(answers.read_bytes()[:-9])  # what a kill leaves of a line
        print(answers.exists() and answers.read_bytes().count(b"\\n"), flush=True)
    go(pipeline, images, out)
"""


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    pictures = [question.scene.image for question in questions(3) if question.truth]
    for name, rgb in zip("abc", pictures, strict=True):
        Image.fromarray(rgb).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(pipeline: Pipeline, images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert go(pipeline, images, out).done_now == 3
    return held(out)


def go(pipeline: Pipeline, images: Path, out: Path) -> Outcome:
    files = images_in([images])
    return batch(pipeline, files, ASKED, out, one_by_one(out, ["coco", "png"], ASKED, files))


def held(out: Path) -> dict[str, object]:
    """Return what a folder holds, by the names of its files; items in any order, lists without times."""
    files: dict[str, object] = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".jsonl"}
    listed = json.loads((out / "answers.written.json").read_bytes())
    for of in listed.values():
        of["files"] = {name: place for name, (place, _) in of["files"].items()}
    files["answers.written.json"] = listed
    return files | {"items": sorted(read_items(out / "answers.jsonl"), key=lambda item: str(item["id"]))}


def full_after(writes: int) -> Callable[[int], None]:
    left = [writes]

    def full(file: int) -> None:
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        FSYNC(file)

    return full


def test_a_full_disk_ends_a_batch_and_loses_nothing(
    pipeline: Pipeline, images: Path, undisturbed: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as disk:
        for writes in (0, 1, 2, 1, 1):  # what the items are made with, the recipe; then an item more with each command
            disk.setattr(os, "fsync", full_after(writes))
            with pytest.raises(OutputError, match="No space left") as stopped:
                go(pipeline, images, out)
            assert stopped.tb, "while the error is held, nothing of the work is"
            assert not [each for each in threading.enumerate() if each.name.startswith("reading")]
        disk.setattr(os, "fsync", full_after(1))  # the recipe
        outcome = go(pipeline, images, out)
    assert "No space left" in outcome.unwritten["coco"]
    assert not list(out.glob("*.png"))
    assert go(pipeline, images, out).done_now == 0
    assert held(out) == undisturbed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_batch_that_is_killed_goes_on_to_the_same_answers(
    images: Path, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(images), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 5
    temporary = [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".zeroov-")]
    for path in temporary:  # which a kill may leave, and a later command takes for nothing of its own
        path.unlink()
    assert held(tmp_path / "out") == undisturbed
