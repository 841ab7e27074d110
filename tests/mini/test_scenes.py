"""The miniature world: deterministic, exact, and split for good."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import SPLIT_SEEDS, SceneStyle, make_scene, seed_for


def test_same_seed_same_scene() -> None:
    first, again, other = (make_scene(seed) for seed in (7, 7, 8))
    assert first == again
    assert np.array_equal(first.image, again.image)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first.objects, again.objects, strict=True))
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("height_width", [(224, 224), (168, 280), (480, 640)])
def test_masks_fit_their_boxes_and_do_not_overlap(height_width: tuple[int, int]) -> None:
    for seed in range(20):
        scene = make_scene(seed, SceneStyle(height_width=height_width))
        assert scene.image.shape == (*height_width, 3)
        assert scene.image.dtype == np.uint8
        together = np.zeros(height_width, int)
        for thing in scene.objects:
            rows, columns = np.flatnonzero(thing.mask.any(1)), np.flatnonzero(thing.mask.any(0))
            assert thing.box_xyxy == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            together += thing.mask
        assert together.max() <= 1


def test_splits_share_no_seed() -> None:
    ranges = sorted(SPLIT_SEEDS.values())
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(ranges))
    assert seed_for("test", 999_999) < seed_for("val", 0) < seed_for("val", 999_999) < seed_for("train", 0)


def test_a_scene_beyond_its_split_is_refused() -> None:
    with pytest.raises(ValueError, match="got index 1000000"):
        seed_for("test", 1_000_000)
    with pytest.raises(ValueError, match="no split"):
        seed_for("dev", 0)  # type: ignore[arg-type]


def test_every_kind_colour_and_size_occurs() -> None:
    seen = {(thing.kind, thing.colour, thing.large) for seed in range(600) for thing in make_scene(seed).objects}
    assert {kind for kind, _, _ in seen} == set(KINDS)
    assert {colour for _, colour, _ in seen} == set(COLOURS)
    assert len(seen) == len(KINDS) * len(COLOURS) * 2


def test_objects_of_a_larger_scene_take_a_smaller_part_of_it() -> None:
    def share(style: SceneStyle) -> float:
        scenes = [make_scene(seed, style) for seed in range(40)]
        return float(np.mean([o.mask.mean() for scene in scenes for o in scene.objects]))

    assert share(SceneStyle(height_width=(448, 448))) < 0.4 * share(SceneStyle())


def test_drawing_is_fast_enough_to_train_on() -> None:
    make_scene(0)
    began = time.perf_counter()
    for seed in range(20):
        make_scene(seed)
    assert (time.perf_counter() - began) / 20 < 0.05
