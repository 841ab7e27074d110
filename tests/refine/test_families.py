"""Models of masks of transformers: real classes, tiny, by our loader, against their own processor and forward."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.candidates.sam3 import write_sam3
from tests.refine.conftest import HERE, is_here
from zeroov.errors import ModelError
from zeroov.frames import box_to_mask, mask_to_box
from zeroov.recipe import RefineRecipe
from zeroov.refine.draw import decode, large_parts, refine, refine_at
from zeroov.refine.families import FAMILIES, MaskFamily
from zeroov.refine.load import _class_of, load_segmenter
from zeroov.refine.maps import box_grown, mask_prompt
from zeroov.tiny.segmenters import SEGMENTERS, sam2_parts, squashing
from zeroov.types import Box, Evolved, Picture
from zeroov.weights.complete import faults

CPU = torch.device("cpu")
RECIPE = RefineRecipe(model="here", least_part=0)
PROCESSORS = {
    "sam": "SamProcessor",
    "sam_hq": "SamHQProcessor",
    "sam2": "Sam2Processor",
    "edgetam": "Sam2Processor",
    "sam3_tracker": "Sam3TrackerProcessor",
}
NEAR = 3e-4  # of logits around 0.1: their processors round corners by 4e-6 of a pixel, which is 7e-5 of a logit
SIZES = [(33, 517), (517, 33), (1, 1000), (97, 61), (300, 301)]
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return where a family's tiny model is, made when it is first asked for."""
    root = tmp_path_factory.mktemp("segmenters")

    def made(family: str) -> Path:
        if not (root / family).exists():
            SEGMENTERS[family](root / family)
        return root / family

    return made


@pytest.fixture(scope="module")
def loaded(folder: Folder) -> Callable[[str], Any]:
    """Return a family's tiny model, loaded once."""
    kept: dict[str, Any] = {}

    def load(family: str) -> Any:
        if family not in kept:
            kept[family] = load_segmenter(folder(family), RECIPE, CPU, name=family)
        return kept[family]

    return load


def assert_drawn(mask: Any, logits: Any) -> None:
    """Check that a mask is where logits are above 0; one that is as good as 0 may fall on either side."""
    clear = np.abs(logits) > NEAR
    np.testing.assert_array_equal(mask[clear], (logits > 0)[clear])
    assert clear.mean() > 0.95


def drawn(hw: tuple[int, int], seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (*hw, 3), dtype=np.uint8))


def inner(hw: tuple[int, int]) -> Box:
    return Box(0.13 * hw[1], 0.2 * hw[0], 0.71 * hw[1], 0.9 * hw[0])


def by_transformers(family: str, folder: Path, picture: Picture, box: Box | None, point: Any, mask: Any) -> Any:
    """Ask the model through its own processor: logits of all masks (n, H, W), low-res ones, and the IoU of each."""
    model = getattr(transformers, FAMILIES[family].class_name).from_pretrained(folder).eval()
    own = transformers.AutoImageProcessor.from_pretrained(folder)
    processor = getattr(transformers, PROCESSORS[family])(own)
    inputs = processor(
        images=Image.fromarray(picture.rgb),
        input_boxes=[[list(box.xyxy)]] if box else None,
        input_points=[[[list(point)]]] if point else None,
        input_labels=[[[1]]] if point else None,
        return_tensors="pt",
    )
    back = [inputs.pop("original_sizes")]
    if "reshaped_input_sizes" in inputs:
        back.append(inputs.pop("reshaped_input_sizes"))
    for name in ("input_boxes", "input_points"):
        if name in inputs:
            inputs[name] = inputs[name].float()
    with torch.no_grad():
        made = model(**inputs, input_masks=None if mask is None else torch.from_numpy(mask)[None, None])
    size = {"pad_size": own.pad_size} if len(back) == 2 else {}
    (masks,) = processor.image_processor.post_process_masks(made.pred_masks, *back, binarize=False, **size)
    return masks[0].numpy(), made.pred_masks[:, 0].numpy(), made.iou_scores[0, 0].numpy()


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("family", HERE)
def test_a_box_gives_what_the_models_own_processor_and_forward_give(
    loaded: Any, folder: Folder, family: str, hw: tuple[int, int]
) -> None:
    if FAMILIES[family].fit == "pad" and hw[0] == 1:
        hw = (5, 1000)  # the processor cannot make it 128 wide and thinner than a pixel
    picture, box, segmenter = drawn(hw), inner(hw), loaded(family)
    masks, logits, predicted = by_transformers(family, folder(family), picture, box, None, None)
    encoded = segmenter.encode(picture)
    offered = decode(segmenter, encoded, box, RECIPE, None)
    assert offered is not None
    assert logits.std() > 0.01, "a flat mask would hide a mistake"
    np.testing.assert_allclose(offered.low_res.numpy(), logits, atol=NEAR)
    np.testing.assert_allclose(offered.predicted_iou[0].numpy(), predicted, atol=1e-4)
    assert offered.low_res.shape[-2:] == (segmenter.low_res_side,) * 2, "a mask prompt has the size of its own masks"
    refined = refine(segmenter, encoded, box, RECIPE, None)
    assert_drawn(refined.mask, masks[int(predicted.argmax())])
    assert refined.predicted_iou == pytest.approx(float(predicted.max()), abs=1e-4)
    assert refined.box == mask_to_box(refined.mask)


@pytest.mark.parametrize("family", HERE)
def test_points_and_masks_are_prompts_beside_the_box(loaded: Any, folder: Folder, family: str) -> None:
    hw = (97, 161)
    picture, box, segmenter = drawn(hw), inner(hw), loaded(family)
    encoded = segmenter.encode(picture)
    grid = np.full((32, 32), 0.2, np.float32)
    grid[8:16, 4:20] = 0.9
    evolved = Evolved(grid, grid, grid > 0.5, grid > 0.5, np.zeros(hw, np.bool_), None)
    centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    prompt = mask_prompt(evolved, encoded.square, segmenter.low_res_side)
    seen = []
    for kind, point, mask in (("box", None, None), ("box+point", centre, None), ("box+mask", None, prompt)):
        masks, _, predicted = by_transformers(family, folder(family), picture, box, point, mask)
        refined = refine(segmenter, encoded, box, replace(RECIPE, prompt=kind), evolved)
        assert_drawn(refined.mask, masks[int(predicted.argmax())])
        assert refined.predicted_iou == pytest.approx(float(predicted.max()), abs=1e-4)
        seen.append(refined.predicted_iou)
    assert len(set(seen)) == 3, "each prompt counts"
    masks, _, predicted = by_transformers(family, folder(family), picture, None, (30.0, 40.5), None)
    at = refine_at(segmenter, encoded, [(30.0, 40.5, True)], RECIPE)
    assert_drawn(at.mask, masks[int(predicted.argmax())])


@pytest.mark.parametrize("family", HERE)
def test_one_encoded_picture_serves_many_boxes(loaded: Any, family: str) -> None:
    picture, segmenter = drawn((120, 200)), loaded(family)
    boxes = [Box(20, 10, 90, 70), Box(100.5, 30, 199, 119.5), Box(0, 0, 200, 120)]
    once = segmenter.encode(picture)
    together = [refine(segmenter, once, box, RECIPE, None) for box in boxes]
    for box, shared in zip(reversed(boxes), reversed(together), strict=True):
        alone = refine(segmenter, segmenter.encode(picture), box, RECIPE, None)
        np.testing.assert_array_equal(shared.mask, alone.mask)
        assert (shared.predicted_iou, shared.object_score) == (alone.predicted_iou, alone.object_score)
    assert len({refined.predicted_iou for refined in together}) == 3


@pytest.mark.parametrize("family", HERE)
def test_the_choice_among_masks_is_the_recipes_in_every_family(loaded: Any, family: str) -> None:
    picture, box, segmenter = drawn((120, 200)), Box(60, 30, 110, 80), loaded(family)
    encoded = segmenter.encode(picture)
    plain = refine(segmenter, encoded, box, RECIPE, None)
    whole = refine(segmenter, encoded, box, replace(RECIPE, choose="box"), None)
    assert whole.mask.any()
    kept = refine(segmenter, encoded, box, replace(RECIPE, choose="box", within=1.2), None)
    np.testing.assert_array_equal(kept.mask, whole.mask & box_to_mask(box_grown(box, 1.2), picture.hw))
    largest = refine(segmenter, encoded, box, replace(RECIPE, least_part=1), None)
    np.testing.assert_array_equal(largest.mask, large_parts(plain.mask, 1))
    inclusive = refine(segmenter, encoded, Box(60, 30, 111, 81), replace(RECIPE, inclusive_box=True), None)
    np.testing.assert_array_equal(inclusive.mask, plain.mask)
    beside = refine(segmenter, encoded, Box(300, 300, 400, 400), RECIPE, None)
    assert (beside.box, beside.mask.shape) == (None, picture.hw)


@pytest.mark.parametrize("family", HERE)
def test_only_models_that_know_say_how_sure_they_are_of_an_object(loaded: Any, family: str) -> None:
    segmenter = loaded(family)
    refined = refine(segmenter, segmenter.encode(drawn((60, 90))), Box(10, 10, 50, 40), RECIPE, None)
    if family in ("sam", "sam_hq"):
        assert refined.object_score is None
    else:
        assert refined.object_score is not None
        assert 0 < refined.object_score < 1


@pytest.mark.parametrize("hw", [(1, 1), (1, 4000), (4000, 1), (3, 50), (50, 3)])
@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_extreme_pictures(loaded: Any, family: str, hw: tuple[int, int]) -> None:
    segmenter = loaded(family)
    refined = refine(segmenter, segmenter.encode(drawn(hw)), Box(0, 0, hw[1], hw[0]), RECIPE, None)
    assert refined.mask.shape == hw
    assert np.isfinite(refined.predicted_iou)


@pytest.mark.parametrize("family", HERE)
def test_half_precision_is_the_encoders_alone(loaded: Any, folder: Folder, family: str) -> None:
    half = load_segmenter(folder(family), replace(RECIPE, dtype="bfloat16"), CPU, name=family)
    assert {p.dtype for p in half.model.vision_encoder.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in half.model.mask_decoder.parameters()} == {torch.float32}
    picture, box, full = drawn((120, 200)), Box(20, 10, 90, 70), loaded(family)
    encoded = half.encode(picture)
    tensors = [each for value in encoded.features.values() for each in (value if isinstance(value, list) else [value])]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    ours, exact = (decode(one, one.encode(picture), box, RECIPE, None) for one in (half, full))
    assert ours is not None
    assert exact is not None
    torch.testing.assert_close(ours.low_res, exact.low_res, atol=0.05 * float(exact.low_res.abs().max()), rtol=0)
    assert not any(p.requires_grad for p in half.model.parameters())


def test_weights_that_are_published_for_video_draw_in_pictures(tmp_path: Path) -> None:
    """facebook/sam2.1-hiera-large and its like say `sam2_video` in config.json."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    memory = {"memory_attention_hidden_size": 32, "memory_encoder_hidden_size": 32, "memory_fuser_embed_dim": 32}
    memory |= {"mask_downsampler_embed_dim": 32, "memory_encoder_output_channels": 32, "memory_attention_num_layers": 1}
    memory |= {"memory_attention_feed_forward_hidden_size": 32, "memory_fuser_intermediate_dim": 32}
    config = Sam2VideoConfig(**sam2_parts(), **memory, image_size=128, memory_attention_rope_feat_sizes=[8, 8])
    torch.manual_seed(1)
    video = Sam2VideoModel(config).eval()
    video.save_pretrained(tmp_path / "video")
    squashing(128).save_pretrained(tmp_path / "video")
    segmenter = load_segmenter(tmp_path / "video", RECIPE, CPU, name="video")
    assert segmenter.family.name == "sam2"
    own = video.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in segmenter.model.state_dict().items())
    assert refine(segmenter, segmenter.encode(drawn((50, 70))), Box(5, 5, 30, 30), RECIPE, None).mask.any()


@pytest.mark.skipif(not is_here("sam3_tracker"), reason="transformers before 5.0")
def test_the_tracker_is_taken_out_of_sam_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """facebook/sam3 holds a detector and a tracker: the encoder is the detector's, all else the tracker's."""
    place = write_sam3(tmp_path)
    assert faults(place, "segmenter") == []
    capfd.readouterr()
    segmenter = load_segmenter(place, RECIPE, CPU, name="sam3")
    assert capfd.readouterr() == ("", ""), "the library's bars and advice"
    assert segmenter.family.name == "sam3_tracker"
    assert segmenter.low_res_side == 32
    saved, ours = load_file(place / "model.safetensors"), segmenter.model.state_dict()
    first = "backbone.embeddings.patch_embeddings.projection.weight"
    assert torch.equal(ours[f"vision_encoder.{first}"], saved[f"detector_model.vision_encoder.{first}"])
    assert torch.equal(ours["mask_decoder.iou_token.weight"], saved["tracker_model.mask_decoder.iou_token.weight"])
    necks = [name for name in ours if name.startswith("vision_encoder.neck.")]
    assert necks
    for name in necks:
        assert torch.equal(ours[name], saved[name.replace("vision_encoder.neck.", "tracker_neck.")])


def edited(folder: Path, target: Path, **changes: Any) -> Path:
    """Copy a model's folder and change its config.json."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | changes))
    return target


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_segmenter(folder, RECIPE, CPU, name="someone/model")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_that_draws_no_masks_is_refused(folder: Folder, tmp_path: Path) -> None:
    said = refusal(edited(folder("sam2"), tmp_path / "vlm", model_type="qwen2_5_vl"))
    assert said.startswith("refine.model `someone/model` is of type `qwen2_5_vl`, which draws no masks from boxes")
    assert "facebook/sam2.1-hiera-large" in said


def test_a_class_that_this_transformers_lacks_is_named_with_its_version() -> None:
    with pytest.raises(ModelError, match=r"needs transformers 99\.0 or newer for Sam9Model, and .* is installed"):
        _class_of(MaskFamily("sam9", "Sam9Model", "squash", "99.0"), "someone/sam9")


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(ModelError, match=r"needs the package no_such_package; type `pip install no_such_package`"):
        _class_of(MaskFamily("sam", "SamModel", "pad", "4.29", extra="no_such_package"), "someone/edge")


def test_a_folder_that_lacks_weights_is_refused(folder: Folder, tmp_path: Path) -> None:
    target = edited(folder("sam2"), tmp_path / "cut")
    weights = load_file(target / "model.safetensors")
    del weights["mask_decoder.iou_token.weight"]
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    assert "lack 1 tensors or have them in another size, e.g. mask_decoder.iou_token.weight" in refusal(target)


def test_weights_of_other_sizes_are_refused(folder: Folder, tmp_path: Path) -> None:
    target = edited(folder("sam2"), tmp_path / "odd")
    weights = load_file(target / "model.safetensors")
    weights["mask_decoder.iou_token.weight"] = torch.zeros(1, 7)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    assert "mask_decoder.iou_token.weight" in refusal(target)


def test_a_damaged_config_is_refused(folder: Folder, tmp_path: Path) -> None:
    target = edited(folder("sam2"), tmp_path / "damaged")
    for text in ("{", "[]", ""):
        (target / "config.json").write_text(text)
        assert "config.json" in refusal(target)


def test_a_folders_own_code_is_refused(folder: Folder, tmp_path: Path) -> None:
    target = edited(folder("sam_hq"), tmp_path / "own", auto_map={"AutoModel": "modeling.Model"})
    (target / "modeling.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    assert "brings Python code of its own (auto_map in config.json)" in refusal(target)
    assert not (tmp_path / "ran").exists()


def test_a_processor_that_lays_pictures_elsewhere_is_refused(folder: Folder, tmp_path: Path) -> None:
    target = edited(folder("sam2"), tmp_path / "padding")
    shutil.copy(folder("sam") / "preprocessor_config.json", target)
    assert "pads it; sam2 expects (3, 128, 128) and squashes" in refusal(target)
    squashing(64).save_pretrained(target)
    assert "makes (3, 64, 64) of a picture" in refusal(target)
    (target / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "Sam2ImageProcessor", "size": 0})
    )
    assert "cannot be loaded" in refusal(target)
