from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zeroov
from zeroov.mini.recognise import looks_drawn
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for


@pytest.mark.parametrize("hw", [(224, 224), (180, 270), (448, 448)])
def test_drawn_scenes_are_recognised(hw: tuple[int, int]) -> None:
    seen = [looks_drawn(make_scene(seed_for("test", i), SceneStyle(height_width=hw)).image) for i in range(70, 110)]
    assert all(seen)


def test_photographs_are_not(shared: Path) -> None:
    photographs = sorted((shared / "data").glob("*/*.jpg"))
    assert len(photographs) >= 10
    assert not [path.name for path in photographs if looks_drawn(np.asarray(Image.open(path).convert("RGB")))]


@pytest.mark.parametrize("value", [0, 255])
def test_flat_and_tiny_pictures_are_not(value: int) -> None:
    assert not looks_drawn(np.full((64, 64, 3), value, np.uint8))
    assert not looks_drawn(np.full((3, 300, 3), value, np.uint8))


def test_the_miniature_pipeline_warns_about_what_it_does_not_know(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined = []
    monkeypatch.setattr(
        "zeroov.pipeline.drawn_scenes.looks_drawn", lambda rgb: examined.append(rgb) or looks_drawn(rgb)
    )
    scene = make_scene(seed_for("test", 0)).image
    smooth = np.asarray(Image.fromarray(scene).resize((320, 320)))
    with zeroov.load("mini", device="cpu") as pipeline, caplog.at_level("WARNING", logger="zeroov"):
        pipeline.ground(scene, ["the ship", "the plane"])
        pipeline.ground(scene, "the ship")
        assert not caplog.records
        assert len(examined) == 1, "a picture that was recognised is not examined again"
        pipeline.ground(smooth, "the ship")
    assert "is no scene that zeroov drew" in caplog.text
