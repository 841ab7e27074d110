from __future__ import annotations

import io
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from PIL import Image

from zeroov.show.differences import Shown, draw_differences

RNG = np.random.default_rng(0)


def shown(hw, title="fast", found=True):
    mask = np.zeros(hw, np.bool_)
    mask[: hw[0] // 2 + 1, : hw[1] // 2 + 1] = found
    return Shown(title, "mask IoU 0.50", mask, (0, 0, hw[1] / 2, hw[0] / 2) if found else None)


def size_of(png):
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image.size


@pytest.mark.parametrize("hw", [(1, 1), (30, 2000), (2000, 30), (40, 60), (900, 800)])
@pytest.mark.parametrize("answers", [1, 3, 6])
def test_any_shape_and_number_of_answers(hw, answers):
    rgb = RNG.integers(0, 255, (*hw, 3), dtype=np.uint8)
    tiles = [shown(hw), shown(hw, found=False), Shown("boxes alone", "", None, (-5, 0, 9, 9))] * 2
    width, height = size_of(draw_differences(rgb, "the plane", shown(hw, "Truth"), tiles[:answers]))
    assert 600 < width < 2600
    assert 200 < height < 1600


@pytest.mark.parametrize("text", ["$x$ and \\frac", "右下角的白色飞机", "word " * 200, "", "a\nb"])
def test_any_words(text):
    rgb = np.zeros((20, 30, 3), np.uint8)
    truth = Shown(text, text, None, None)
    assert size_of(draw_differences(rgb, text, truth, [truth]))


def test_a_missing_answer_is_drawn_as_no_answer_and_not_as_nothing_found(monkeypatch):
    said = []
    monkeypatch.setattr("matplotlib.axes.Axes.text", lambda axes, x, y, text, **style: said.append(text))
    rgb, empty = np.zeros((20, 30, 3), np.uint8), shown((20, 30), found=False)
    draw_differences(rgb, "it", shown((20, 30)), [empty, replace(empty, missing=True)])
    assert said == ["nothing found", "no answer"]


def test_drawing_reads_no_global_settings():
    rgb = np.zeros((20, 30, 3), np.uint8)
    plain = draw_differences(rgb, "it", shown((20, 30)), [shown((20, 30))])
    with matplotlib.rc_context({"savefig.dpi": 20, "figure.dpi": 30, "text.usetex": True, "font.family": "serif"}):
        assert draw_differences(rgb, "it", shown((20, 30)), [shown((20, 30))]) == plain
    assert draw_differences(rgb, "it", shown((20, 30)), [shown((20, 30), found=False)]) != plain
