"""A scene of 900 x 900 pixels with several kinds, searched by the miniature models under a recipe with select."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zeroov
from zeroov import frames
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.overview import listing
from zeroov.types import Box

TEXT = "the topmost tennis court"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(seed_for("train", 900_000), SceneStyle(height_width=(900, 900), scale=0.8, objects=(16, 24)))


def test_the_right_one_of_many_is_chosen_and_lists_are_kept(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    courts = [Box(*map(float, each.box_xyxy)) for each in scene.objects if each.kind == "tennis court"]
    truth = min(courts, key=lambda box: box.y0 + box.y1)
    assert len(courts) > 5
    assert len({each.kind for each in scene.objects}) > 1
    with zeroov.load("select-mini", device="cpu", dumps=tmp_path, candidates__sources=["vlm"]) as pipeline:
        first = pipeline.ground(scene.image, TEXT)
        assert first.box
        assert frames.box_iou(first.box, truth) > 0.5
        document = first.to_json()["select"]
        boxes = [Box(*each["box_xyxy"]) for each in document["candidates"]]
        seen = [court for court in courts if any(frames.box_iou(court, box) > 0.5 for box in boxes)]
        assert len(seen) >= len(courts) - 2
        assert len(boxes) <= len(courts) + 2
        assert "decided by extreme" in document["why"]

        def never(*_: Any, **__: Any) -> Any:
            raise AssertionError("a tile's list is kept by its pixels")

        monkeypatch.setattr(listing, "list_objects", never)
        again = pipeline.ground(scene.image, TEXT)
    assert again.box == first.box
    assert again.to_json()["select"] == document
