from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor

from zeroov import frames
from zeroov.errors import ModelError, RecipeError
from zeroov.frames import mask_to_box, place_in_square
from zeroov.look import Outline
from zeroov.outputs.found import found_of
from zeroov.recipe import RefineRecipe
from zeroov.refine.draw import _best, decode, large_parts, refine, refine_at
from zeroov.refine.maps import agreement, box_grown, mask_prompt, share_inside
from zeroov.refine.sam import MINI, TINY, TYPES, build_sam
from zeroov.refine.segmenter import Hypotheses
from zeroov.types import Box, Evolved, Picture

BOX = RefineRecipe(type="vit_tiny", prompt="box", least_part=0)  # as the official code
POINT = replace(BOX, prompt="box+point")
MASK = replace(BOX, prompt="box+mask")
BOXES = [Box(20, 10, 90, 70), Box(100.5, 30, 199, 119.5), Box(0, 0, 200, 120)]


def grown(region: tuple[slice, slice], image_hw: tuple[int, int]) -> Evolved:
    """Make what Evolve makes of one block of a 32 x 32 grid."""
    fused = np.full((32, 32), 0.2, dtype=np.float32)
    fused[region] = 0.9
    inside = fused > 0.5
    mask = np.zeros(image_hw, dtype=np.bool_)
    return Evolved(fused, fused, inside, inside, mask, None)


def by_predictor(sam: Any, picture: Picture, box: Box | None, **prompt: Any) -> tuple[Any, float]:
    """Ask segment_anything's own predictor, in image pixels."""
    predictor = SamPredictor(sam.sam)
    predictor.set_image(picture.rgb)
    masks, ious, _ = predictor.predict(box=None if box is None else np.array(box.xyxy), multimask_output=True, **prompt)
    return masks[ious.argmax()], float(ious.max())


def test_the_tiny_sam_is_small_and_of_the_official_class() -> None:
    from segment_anything.modeling import Sam

    sam = build_sam("vit_tiny")
    assert isinstance(sam, Sam)
    assert sum(p.numel() for p in sam.parameters()) < 2_000_000
    assert sam.mask_decoder.num_multimask_outputs == 3
    assert sam.prompt_encoder.mask_input_size == (64, 64)
    assert not sam.training


@pytest.mark.parametrize(
    ("least", "kept"), [(0, "abcd"), (0.05, "abc"), (0.5, "ab"), (0.89, "ab"), (0.9, "a"), (1, "a")]
)
def test_a_stray_blob_is_left_out(least: float, kept: str) -> None:
    mask = np.zeros((40, 60), np.bool_)
    parts = {"a": np.s_[2:12, 2:12], "b": np.s_[20:29, 20:30], "c": np.s_[35:38, 50:53], "d": np.s_[0:1, 58:60]}
    pixels = {"a": 101, "b": 90, "c": 9, "d": 2}
    for part in parts.values():
        mask[part] = True
    mask[12, 12] = True  # at a corner of `a`: one part with it
    expected = np.zeros_like(mask)
    for name in kept:
        expected[parts[name]] = True
    expected[12, 12] = True
    assert mask.sum() == sum(pixels.values())
    np.testing.assert_array_equal(large_parts(mask, least), expected)


def test_parts_of_one_size_stay_and_nothing_stays_nothing() -> None:
    mask = np.zeros((20, 20), np.bool_)
    np.testing.assert_array_equal(large_parts(mask, 1), mask)
    mask[2:6, 2:6] = mask[10:14, 10:14] = True
    np.testing.assert_array_equal(large_parts(mask, 1), mask)


def test_a_rest_beyond_a_border_without_data_widens_no_box() -> None:
    """The border cuts a part in two; only then is the smaller rest a part of its own, and it is left out."""
    mask, valid = np.zeros((40, 60), np.bool_), np.ones((40, 60), np.bool_)
    mask[10:30, 10:30] = mask[20, 30:40] = True  # a thin arm to the right
    valid[:, 28:39] = False  # of the arm one pixel is left
    outline = Outline(large_parts(mask, 0.5, valid), mask_to_box(mask))
    found = found_of(Picture(np.zeros((40, 60, 3), np.uint8), valid=valid), outline, "the roof", 0.5)
    assert found is not None
    assert found.box == Box(10, 10, 28, 30)
    assert found.mask.all()
    both = large_parts(mask, 0, valid)
    np.testing.assert_array_equal(both, mask)


def test_what_lies_mostly_where_there_is_no_data_is_still_not_found() -> None:
    mask, valid = np.zeros((40, 60), np.bool_), np.ones((40, 60), np.bool_)
    mask[10:30, 10:30] = mask[35:38, 50:53] = True
    valid[:, 10:25] = False
    large = large_parts(mask, 0.5, valid)
    assert large.sum() == 400, "the small blob is gone, and what is to be cut off still there"
    outline = Outline(large, mask_to_box(large))
    assert found_of(Picture(np.zeros((40, 60, 3), np.uint8), valid=valid), outline, "x", 0.5) is None


def test_the_box_is_that_of_the_parts_that_are_kept(sam: Any, picture: Picture) -> None:
    encoded, box = sam.encode(picture), BOXES[0]
    whole = refine(sam, encoded, box, BOX, None)
    cut = refine(sam, encoded, box, replace(BOX, least_part=1), None)
    assert whole.mask.sum() > cut.mask.sum() > 0, "a random SAM draws many parts"
    assert not (cut.mask & ~whole.mask).any()
    assert cut.box == mask_to_box(cut.mask)


def test_the_official_types_come_from_the_registry() -> None:
    with torch.device("meta"):  # sizes without weights: vit_h takes seconds to draw
        widths = {type: build_sam(type).image_encoder.patch_embed.proj.weight.shape[0] for type in TYPES}
    assert widths == {
        "vit_b": 768,
        "vit_l": 1024,
        "vit_h": 1280,
        "vit_tiny": TINY.embed_dim,
        "vit_mini": MINI.embed_dim,
    }


def test_an_unknown_type_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ModelError, match=r"vit_hh.*did you mean"):
        build_sam("vit_hh")


@pytest.mark.parametrize("box", BOXES)
def test_a_box_gives_what_the_official_predictor_gives(sam: Any, picture: Picture, box: Box) -> None:
    refined = refine(sam, sam.encode(picture), box, BOX, None)
    mask, iou = by_predictor(sam, picture, box)
    assert refined.mask.shape == picture.hw
    assert refined.mask.dtype == np.bool_
    np.testing.assert_array_equal(refined.mask, mask)
    assert refined.predicted_iou == pytest.approx(iou, abs=1e-6)
    assert refined.box == mask_to_box(mask)


@pytest.mark.parametrize("hw", [(200, 120), (64, 64), (300, 700), (257, 255)])
def test_pictures_of_every_shape_agree_with_the_predictor(
    sam: Any, rng: np.random.Generator, hw: tuple[int, int]
) -> None:
    picture = Picture(rng.integers(0, 256, (*hw, 3), dtype=np.uint8))
    box = Box(0.1 * hw[1], 0.2 * hw[0], 0.7 * hw[1], 0.9 * hw[0])
    mask, iou = by_predictor(sam, picture, box)
    refined = refine(sam, sam.encode(picture), box, BOX, None)
    np.testing.assert_array_equal(refined.mask, mask)
    assert refined.predicted_iou == pytest.approx(iou, abs=1e-6)


def test_the_centre_point_is_the_boxs_centre_in_image_pixels(sam: Any, picture: Picture) -> None:
    box = BOXES[1]
    centre = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]])
    mask, iou = by_predictor(sam, picture, box, point_coords=centre, point_labels=np.array([1]))
    refined = refine(sam, sam.encode(picture), box, POINT, None)
    np.testing.assert_array_equal(refined.mask, mask)
    assert refined.predicted_iou == pytest.approx(iou, abs=1e-6)
    assert refined.predicted_iou != refine(sam, sam.encode(picture), box, BOX, None).predicted_iou


@pytest.mark.parametrize("xy", [(30.0, 100.5), (199.0, 0.0)])
def test_a_point_gives_what_the_official_predictor_gives(sam: Any, picture: Picture, xy: tuple[float, float]) -> None:
    mask, iou = by_predictor(sam, picture, None, point_coords=np.array([xy]), point_labels=np.array([1]))
    encoded = sam.encode(picture)
    refined = refine_at(sam, encoded, [(*xy, True)], BOX)
    np.testing.assert_array_equal(refined.mask, mask)
    assert refined.predicted_iou == pytest.approx(iou, abs=1e-6)
    assert refined.box == mask_to_box(mask)
    largest = refine_at(sam, encoded, [(*xy, True)], replace(BOX, least_part=1))
    np.testing.assert_array_equal(largest.mask, large_parts(mask, 1))
    assert largest.mask.sum() < mask.sum(), "a random SAM draws many parts"


def test_a_mask_prompt_reaches_the_decoder(sam: Any, picture: Picture) -> None:
    evolved = grown((slice(8, 16), slice(16, 32)), picture.hw)
    prompt = mask_prompt(evolved, place_in_square(picture.hw, 256, "pad"), 64)
    mask, iou = by_predictor(sam, picture, BOXES[0], mask_input=prompt[None])
    refined = refine(sam, sam.encode(picture), BOXES[0], MASK, evolved)
    np.testing.assert_array_equal(refined.mask, mask)
    assert refined.predicted_iou == pytest.approx(iou, abs=1e-6)


@pytest.mark.parametrize(
    ("image_hw", "rows", "cols"),
    [
        ((100, 200), (8, 16), (32, 64)),  # lower half of SAM's square is padding
        ((200, 100), (16, 32), (16, 32)),  # right half is
        ((200, 200), (16, 32), (32, 64)),
    ],
)
def test_the_mask_prompt_lies_where_the_picture_lies(
    image_hw: tuple[int, int], rows: tuple[int, int], cols: tuple[int, int]
) -> None:
    evolved = grown((slice(8, 16), slice(16, 32)), image_hw)  # rows 1/4 to 1/2, columns 1/2 to 1 of the picture
    logits = mask_prompt(evolved, place_in_square(image_hw, 256, "pad"), 64)
    assert logits.shape == (64, 64)
    assert logits.dtype == np.float32
    likely = mask_to_box(logits > 0)
    assert likely is not None
    np.testing.assert_allclose(likely.xyxy, (cols[0], rows[0], cols[1], rows[1]), atol=1)
    assert logits.max() == pytest.approx(np.log(0.9 / 0.1), abs=0.01)
    outside = logits.copy()
    outside[rows[0] - 3 : rows[1] + 3, cols[0] - 3 : cols[1] + 3] = -np.inf
    assert outside.max() < -6  # what grew nowhere and the padding are "surely not"


def test_a_mask_prompt_without_evolve_is_refused(sam: Any, picture: Picture) -> None:
    with pytest.raises(RecipeError, match="needs the evolve stage"):
        refine(sam, sam.encode(picture), BOXES[0], MASK, None)


def test_one_encoding_serves_several_boxes(sam: Any, picture: Picture) -> None:
    once = sam.encode(picture)
    together = [refine(sam, once, box, BOX, None) for box in BOXES]
    for box, shared in zip(reversed(BOXES), reversed(together), strict=True):
        alone = refine(sam, sam.encode(picture), box, BOX, None)
        np.testing.assert_array_equal(shared.mask, alone.mask)
        assert shared.predicted_iou == alone.predicted_iou


@pytest.mark.parametrize("hw", [(1, 1), (30, 4000), (4000, 30), (1, 4000), (4000, 1)])
def test_extreme_pictures(sam: Any, hw: tuple[int, int]) -> None:
    picture = Picture(np.full((*hw, 3), 90, dtype=np.uint8))
    encoded = sam.encode(picture)
    for recipe in (BOX, POINT, MASK):
        refined = refine(sam, encoded, Box(0, 0, hw[1], hw[0]), recipe, grown((slice(8, 16), slice(4, 8)), hw))
        assert refined.mask.shape == hw
        assert (refined.box is None) == (not refined.mask.any())
        assert np.isfinite(refined.predicted_iou)


def test_nothing_found_is_a_value(sam: Any, picture: Picture) -> None:
    threshold = sam.sam.mask_threshold
    sam.sam.mask_threshold = 1e9
    try:
        refined = refine(sam, sam.encode(picture), BOXES[0], BOX, None)
    finally:
        sam.sam.mask_threshold = threshold
    assert refined.box is None
    assert refined.mask.shape == picture.hw
    assert not refined.mask.any()


def test_a_box_beside_the_picture_holds_nothing(sam: Any, picture: Picture) -> None:
    refined = refine(sam, sam.encode(picture), Box(300, 300, 400, 400), BOX, None)
    assert refined.box is None
    assert refined.mask.shape == picture.hw
    assert not refined.mask.any()


def test_sam_is_left_as_it_was(sam: Any, picture: Picture) -> None:
    before = {name: value.clone() for name, value in sam.sam.state_dict().items()}
    refine(sam, sam.encode(picture), BOXES[0], POINT, None)
    assert all(torch.equal(before[name], value) for name, value in sam.sam.state_dict().items())
    assert not any(p.requires_grad for p in sam.sam.parameters())


def test_inclusive_corners_are_the_last_pixels(sam: Any) -> None:
    picture = Picture(np.random.default_rng(3).integers(0, 256, (100, 140, 3), dtype=np.uint8))
    encoded = sam.encode(picture)
    official = refine(sam, encoded, Box(20, 30, 61, 71), RefineRecipe(type="vit_tiny", inclusive_box=True), None)
    plain = refine(sam, encoded, Box(20, 30, 60, 70), RefineRecipe(type="vit_tiny"), None)
    np.testing.assert_array_equal(official.mask, plain.mask)
    assert official.predicted_iou == plain.predicted_iou
    dot = refine(sam, encoded, Box(20, 30, 21, 31), RefineRecipe(type="vit_tiny", inclusive_box=True), None)
    assert dot.mask.shape == (100, 140)


def test_a_pixel_just_at_the_threshold_is_not_of_the_object(
    sam: Any, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, box, encoded = BOX, Box(20, 30, 90, 80), sam.encode(picture)
    decoded = decode(sam, encoded, box, recipe, None)
    assert decoded is not None
    best = int(decoded.predicted_iou[0].argmax())
    square = encoded.square
    logits = sam.sam.postprocess_masks(decoded.low_res[:, best : best + 1], square.inside_hw, square.image_hw)
    monkeypatch.setattr(sam.sam, "mask_threshold", float(logits.max()))
    assert not refine(sam, encoded, box, recipe, None).mask.any()
    monkeypatch.setattr(sam.sam, "mask_threshold", float(logits.min()))
    assert refine(sam, encoded, box, recipe, None).mask.any()


def test_a_mask_that_the_map_fills_agrees_more_than_one_that_spills_over() -> None:
    heat = np.zeros((64, 64), np.float32)
    heat[20:30, 20:40] = 1
    masks = {name: np.zeros((64, 64), np.bool_) for name in ("right", "spilt", "beside", "none")}
    masks["right"][20:30, 20:40] = True
    masks["spilt"][10:60, 10:60] = True
    masks["beside"][45:55, 45:60] = True
    values = {name: agreement(mask, heat) for name, mask in masks.items()}
    assert values["right"] == 1.0
    assert values["beside"] == values["none"] == 0.5  # the map says nothing
    assert agreement(masks["right"], heat + 1) == pytest.approx(2 / 3)
    assert agreement(masks["spilt"], heat + 1) < 0.55


def test_a_map_lies_in_sams_square_where_the_picture_lies() -> None:
    square = place_in_square((64, 128), 128, "pad").lay(np.ones((4, 4), np.float32), 32)
    assert square[:16].min() == 1
    assert square[16:].max() == 0


def three_masks(*rows_and_columns: tuple[slice, slice]) -> Hypotheses:
    """Return what the decoder offers where its masks, of predicted IoUs 0.9, 0.7 and 0.8, are rectangles."""
    low_res = torch.full((1, 3, 64, 64), -5.0)
    for number, place in enumerate(rows_and_columns):
        low_res[0, number][place] = 5
    return Hypotheses(low_res, torch.tensor([[0.9, 0.7, 0.8]]))


def test_of_three_masks_the_one_is_taken_that_the_map_agrees_with(sam: Any) -> None:
    picture = Picture(np.full((128, 128, 3), 90, np.uint8))  # it fills SAM's square
    encoded = sam.encode(picture)
    offered = three_masks(np.s_[2:20, 2:20], np.s_[30:40, 30:40], np.s_[40:50, 2:12])
    heat = np.zeros((64, 64), np.float32)
    heat[30:40, 30:40] = 1
    region = heat > 0
    evolved = Evolved(heat, heat, region, region, np.zeros(picture.hw, np.bool_), None)
    recipe = RefineRecipe(least_part=0)
    assert _best(sam, encoded, offered, recipe, None).predicted_iou == pytest.approx(0.9)
    agreeing = RefineRecipe(least_part=0, choose="agreement")
    assert _best(sam, encoded, offered, agreeing, None, evolved).predicted_iou == pytest.approx(0.7)


def test_a_mask_is_chosen_by_its_box_and_kept_within_it(sam: Any) -> None:
    picture = Picture(np.full((128, 128, 3), 90, np.uint8))  # it fills SAM's square
    encoded = sam.encode(picture)
    offered = three_masks(np.s_[2:60, 2:60], np.s_[30:40, 28:44], np.s_[40:50, 2:12])
    box = Box(60, 60, 80, 80)  # 30 to 40 of 64
    by_box = RefineRecipe(least_part=0, choose="box")
    spilt = _best(sam, encoded, offered, by_box, None, None, box)
    assert spilt.predicted_iou == pytest.approx(0.7)
    assert spilt.box is not None
    assert spilt.box.x0 < 58
    kept = _best(
        sam,
        encoded,
        offered,
        RefineRecipe(least_part=0, choose="box", within=1.2),
        None,
        None,
        box,
    )
    assert kept.box is not None
    assert 58 <= kept.box.x0 < kept.box.x1 <= 82
    assert np.array_equal(kept.mask, spilt.mask & frames.box_to_mask(box_grown(box, 1.2), picture.hw))


def test_the_share_of_a_mask_that_lies_in_a_box() -> None:
    mask = np.zeros((64, 64), np.bool_)
    mask[0:10, 0:20] = True
    assert share_inside(mask, Box(0, 0, 20, 20), (128, 128), (64, 64)) == 0.5
    assert share_inside(mask, Box(0, 0, 20, 10), (64, 64), (32, 64)) == 0.5, "the picture takes half of the square"
    assert share_inside(mask & False, Box(0, 0, 20, 20), (128, 128), (64, 64)) == 0
    assert box_grown(Box(10, 10, 20, 30), 2) == Box(5, 0, 25, 40)
