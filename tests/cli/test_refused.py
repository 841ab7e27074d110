"""A command that is refused leaves no folder behind, which would look like an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.cli.main import app

GONE = ("--set=overview.model=./gone", "--set=focus.model=./gone", "--recipe", "mini")
CASES = {
    "an image that is not there": ("ground", "no.png", "it", "--out", "{out}", "--recipe", "mini"),
    "a format that is not known": ("ground", "a.png", "it", "--out", "{out}", "--format", "geojsn"),
    "a picture without a place": ("ground", "a.png", "it", "--out", "{out}", "--format", "geojson", "--recipe", "mini"),
    "a model that is not there": ("ground", "a.png", "it", "--out", "{out}", "--dumps", "{out}/maps", *GONE),
    "of overview": ("overview", "a.png", "it", "--out", "{out}", *GONE),
    "of focus": ("focus", "a.png", "it", "--out", "{out}", *GONE),
    "of batch": ("batch", "images", "--expressions", "asked.txt", "--out", "{out}", "--format", "coco", *GONE),
    "answers that are not there": ("batch", "images", "--expressions", "asked.txt", "--out", "{out}", "--export"),
    "a folder without maps": ("evolve", "images", "--out", "{out}", "--recipe", "mini"),
    "without evolved maps": ("refine", "images", "--out", "{out}", "--recipe", "mini"),
    "nothing to export": ("dumps", "export", "images", "--out", "{out}"),
    "nothing to quantise": ("dumps", "quantise", "images", "--out", "{out}"),
    "no shards": ("bench", "merge", "images", "--out", "{out}"),
    "a run's model": ("bench", "run", "file", "--root", "own.csv", "--out", "{out}", *GONE),
}


@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES)
def test_a_refused_command_leaves_no_folder(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for path in ("a.png", "images/a.png"):
        Image.fromarray(np.zeros((60, 60, 3), np.uint8)).save(path)
    (tmp_path / "asked.txt").write_text("the ship\n")
    (tmp_path / "own.csv").write_text("image,expression,x0,y0,x1,y1\na.png,the ship,1,1,9,9\n")
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, [part.format(out="new/out") for part in arguments])
    assert result.exit_code in (1, 2), result.output
    assert "Traceback" not in result.output
    assert sorted(tmp_path.rglob("*")) == before
