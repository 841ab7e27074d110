"""The miniature SAM's training: complete models of the real class, prompts that mean their masks, losses that teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.training.train_sam import LOW, mask_losses, picture, predict, prompts_for, rough_box, save_checkpoint
from zeroov.mini.scenes import make_scene
from zeroov.recipe import RefineRecipe
from zeroov.refine.load import load_sam
from zeroov.refine.sam import MINI, build_layout


@pytest.fixture
def sam() -> torch.nn.Module:
    torch.manual_seed(0)
    model: torch.nn.Module = build_layout(replace(MINI, relative=False)).train()
    return model


def test_a_box_prompt_lies_on_its_mask_and_a_point_inside() -> None:
    scene, rng = make_scene(1), np.random.default_rng(0)
    boxes, masks = prompts_for(scene, rng, 4, False, 0.0)
    assert boxes.shape == (4, 4)
    assert masks.shape == (4, LOW, LOW)
    for box, mask in zip(boxes / 2, masks, strict=True):  # masks have half of SAM's side
        rows, columns = torch.nonzero(mask > 0.05, as_tuple=True)
        found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (found - box).abs().max() <= 1.0
    points, masks = prompts_for(scene, rng, 4, True, 0.0)
    for (x, y), mask in zip((points / 2).long(), masks, strict=True):
        assert mask[y, x] > 0


def test_a_rough_box_stays_a_box_in_the_picture() -> None:
    rng, exact = np.random.default_rng(0), np.array([2.0, 200.0, 30.0, 250.0])
    for _ in range(200):
        x0, y0, x1, y1 = rough_box(exact, rng, 0.5)
        assert 0 <= x0 < x1 <= MINI.image_size
        assert 0 <= y0 < y1 <= MINI.image_size
    assert np.array_equal(rough_box(exact, rng, 0.0), exact)


def test_the_loss_prefers_the_right_mask_and_an_honest_quality() -> None:
    truth = torch.zeros(1, LOW, LOW)
    truth[0, 20:60, 30:50] = 1
    right = (truth * 2 - 1)[:, None].repeat(1, 3, 1, 1) * 9
    sure, unsure = torch.ones(1, 3), torch.zeros(1, 3)
    assert mask_losses(right, sure, truth) < 0.01
    assert mask_losses(right, unsure, truth) > 0.9
    one_right = torch.cat([right[:, :1], -right[:, 1:]], 1)
    quality = torch.tensor([[1.0, 0.0, 0.0]])
    assert mask_losses(one_right, quality, truth) < mask_losses(-right, unsure, truth) / 5


@pytest.mark.parametrize("points", [False, True])
def test_a_few_steps_on_one_scene_lower_the_loss(sam: torch.nn.Module, points: bool) -> None:
    scene = make_scene(1)
    given, truth = prompts_for(scene, np.random.default_rng(0), 3, points, 0.1)
    optimiser = torch.optim.AdamW(sam.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        embedding = sam.image_encoder(sam.preprocess(picture(scene)[None]))
        masks, quality = predict(sam, embedding, given, points)
        assert masks.shape == (3, 3, LOW, LOW)
        loss = mask_losses(masks, quality, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_what_is_written_is_what_was_trained_and_the_product_loads_it(sam: torch.nn.Module, tmp_path: Path) -> None:
    save_checkpoint(sam, tmp_path / "sam.pth")
    whole = load_sam(tmp_path / "sam.pth", RefineRecipe(type="vit_mini"), torch.device("cpu")).sam
    scene = make_scene(2)
    with torch.no_grad():
        pixels = sam.preprocess(picture(scene)[None])
        torch.testing.assert_close(whole.image_encoder(pixels), sam.eval().image_encoder(pixels), atol=1e-5, rtol=1e-4)
