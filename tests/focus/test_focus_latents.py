from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from diffusers import DDIMInverseScheduler
from torch import Tensor

from zeroov.focus import FocusModels, latents
from zeroov.types import Picture

STEPS = 10


@pytest.fixture
def start(models: FocusModels, pictures: list[Picture]) -> Tensor:
    return latents.encode_picture(models, pictures[0], 64)


def test_a_picture_becomes_its_scaled_mean_latent(models: FocusModels, pictures: list[Picture]) -> None:
    latent = latents.encode_picture(models, pictures[2], 64)
    assert latent.shape == (1, 4, 8, 8)
    assert latent.dtype == torch.float32
    again = latents.encode_picture(models, pictures[2], 64)
    assert torch.equal(latent, again)  # the mean, no sample


def test_noise_depends_on_the_seed_alone() -> None:
    like = torch.zeros(5, 4, 8, 8)
    before = torch.get_rng_state()
    assert torch.equal(latents.make_noise(like, 3), latents.make_noise(like[:1], 3))
    assert not torch.equal(latents.make_noise(like, 3), latents.make_noise(like, 4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("t", [0, 1, 100, 999])
def test_noised_latents_and_v_prediction_agree_with_diffusers(v_models: FocusModels, start: Tensor, t: int) -> None:
    noise = latents.make_noise(start, 0)
    noised = latents.add_noise(v_models, start, noise, t)
    torch.testing.assert_close(noised, v_models.scheduler.add_noise(start, noise, torch.tensor([t])))
    text = latents.embed_prompt(v_models, "a ship")
    with torch.no_grad():
        raw = v_models.unet(noised, torch.tensor(t), encoder_hidden_states=text.tokens).sample
        epsilon = latents.predict_noise(v_models, noised, t, text)
    v_models.scheduler.set_timesteps(STEPS)
    expected = v_models.scheduler.step(raw, t, noised).prev_sample
    torch.testing.assert_close(latents.ddim_previous(v_models, noised, epsilon, t, STEPS), expected)


def test_inversion_agrees_with_diffusers(models: FocusModels, start: Tensor) -> None:
    text = latents.embed_prompt(models, "a ship")
    inverse = DDIMInverseScheduler.from_config(models.scheduler.config)
    inverse.set_timesteps(STEPS)
    current = start
    path = latents.invert(models, start, text, STEPS)
    assert len(path) == STEPS + 1
    for t, mine in zip(inverse.timesteps, path[1:], strict=True):
        with torch.no_grad():
            noise = models.unet(current, t, encoder_hidden_states=text.tokens).sample
        current = inverse.step(noise, t, current).prev_sample
        torch.testing.assert_close(mine, current)


@pytest.mark.parametrize("convention", ["models", "v_models"])
def test_the_way_back_leads_to_the_picture(
    convention: str, request: pytest.FixtureRequest, pictures: list[Picture]
) -> None:
    models: FocusModels = request.getfixturevalue(convention)
    start = latents.encode_picture(models, pictures[0], 64)
    text = latents.embed_prompt(models, "a ship")
    errors = []
    for steps in (5, 50):
        current = latents.invert(models, start, text, steps)[-1]
        for t in latents.ddim_timesteps(models, steps):
            with torch.no_grad():
                noise = latents.predict_noise(models, current, t, text)
            current = latents.ddim_previous(models, current, noise, t, steps)
        errors.append(float((current - start).norm() / start.norm()))
    assert errors[1] < errors[0] / 2  # both ways take the noise at one end of a step: finer steps, smaller error
    assert errors[1] < 0.7


def test_null_text_optimisation_comes_nearer_to_the_path(models: FocusModels, start: Tensor) -> None:
    text, null_text = latents.embed_prompt(models, "a ship"), latents.embed_prompt(models, "")
    path = latents.invert(models, start, text, STEPS)
    t = latents.ddim_timesteps(models, STEPS)[0]
    with torch.no_grad():
        conditional = latents.predict_noise(models, path[-1], t, text)

    def loss(embedding: latents.Text) -> float:
        with torch.no_grad():
            unconditional = latents.predict_noise(models, path[-1], t, embedding)
            noise = latents.guide(unconditional, conditional, 7.5)
            return float(F.mse_loss(latents.ddim_previous(models, path[-1], noise, t, STEPS), path[-2]))

    def optimise(inner_steps: int) -> latents.Text:
        common = {"steps": STEPS, "guidance": 7.5, "inner_steps": inner_steps}
        return latents.optimise_null_text(models, path[-1], path[-2], conditional, null_text, t, 0, **common)  # type: ignore[arg-type]

    before, after = loss(null_text), loss(optimise(10))
    assert after < 0.9 * before
    assert torch.equal(optimise(0).tokens, null_text.tokens)
    assert all(weight.grad is None and not weight.requires_grad for weight in models.unet.parameters())


def test_null_text_optimisation_stops_when_good_enough(models: FocusModels, start: Tensor) -> None:
    null_text = latents.embed_prompt(models, "")
    calls = []
    handle = models.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        noise = latents.predict_noise(models, start, 500, null_text)
    target = latents.ddim_previous(models, start, noise, 500, STEPS)
    calls.clear()
    latents.optimise_null_text(
        models, start, target, noise, null_text, 500, 0, steps=STEPS, guidance=7.5, inner_steps=10
    )
    handle.remove()
    assert len(calls) == 1


def test_a_long_prompt_is_cut_with_a_word(models: FocusModels, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="zeroov"):
        embedding = latents.embed_prompt(models, "x" * 5000).tokens
    assert embedding.shape == (1, 77, 16)
    assert [record.name for record in caplog.records] == ["zeroov"]
    assert "reads 77 tokens" in caplog.text
    assert len(caplog.text) < 400
    caplog.clear()
    latents.embed_prompt(models, "the white plane")
    assert not caplog.records
