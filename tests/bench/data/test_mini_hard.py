"""The hard split as a benchmark: what is drawn into a folder is read back as it was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.bench.data import find
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sets import mini_hard
from zeroov.cli.main import app
from zeroov.mini.hard import hard_question

COUNT = 12


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mini_hard, "count_of", lambda split: COUNT)
    result = CliRunner().invoke(app, ["bench", "draw", str(tmp_path), "--split", "val"])
    assert result.exit_code == 0, result.output
    assert f"{COUNT} questions" in result.stdout
    return tmp_path


def test_what_is_drawn_is_read_back(drawn: Path) -> None:
    benchmark = find("mini-hard")
    split = benchmark.read(drawn, "val")
    assert not split.remarks
    assert len(split.samples) == COUNT
    kinds = set()
    for index, sample in enumerate(split.samples):
        question = hard_question("val", index)
        assert (sample.expression, sample.kind, sample.category) == (question.text, question.family, question.kind)
        assert np.array_equal(np.asarray(Image.open(drawn / sample.image)), question.scene.image)
        if question.absent:
            assert sample.kind == benchmark.absent_kind
            assert sample.box is None
            assert sample.mask is None
        else:
            assert sample.box is not None
            assert sample.mask is not None
            assert sample.box.xyxy == question.box_xyxy
            assert np.array_equal(read_mask(sample.mask, drawn, (336, 336)), question.mask)
            assert sample.kind in benchmark.real_shares
        kinds.add(sample.kind)
    assert len(kinds) > 3
    row = json.loads((drawn / "val.jsonl").read_text().splitlines()[0])
    assert {"sub", "meant_xyxy", "asked_xyxy", "anchors_xyxy", "near"} <= row.keys()


def test_a_folder_that_was_not_drawn_says_how(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "data", "mini-hard", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert "zeroov bench draw" in result.output


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "draw", str(tmp_path), "--split", "tset"])
    assert result.exit_code != 0
    assert "did you mean `test`" in result.output
    assert not any(tmp_path.iterdir())
