"""From picture and prompt to latents and embeddings, and along the DDIM path in both directions.

Latents are float32 (pictures, channels, side, side) on the models' device, whatever dtype the UNet runs in: the small
differences between steps would drown in half precision.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroov import frames
from zeroov.focus.load import FocusModels
from zeroov.types import Picture

LOG = logging.getLogger("zeroov")


@dataclass(frozen=True, eq=False)
class Text:
    """What a UNet reads of prompts: `tokens` (prompts, 77, width); SDXL also `pooled` (prompts, width). float32."""

    tokens: Tensor
    pooled: Tensor | None = None

    @classmethod
    def of(cls, texts: Sequence[Text]) -> Text:
        """Return the texts of several pictures as one batch."""
        pooled = [text.pooled for text in texts if text.pooled is not None]
        return cls(torch.cat([text.tokens for text in texts]), torch.cat(pooled) if pooled else None)


def encode_picture(models: FocusModels, picture: Picture, side: int) -> Tensor:
    """Return the mean latent (1, channels, s, s), scaled, of a picture resized to `side` x `side` model pixels."""
    square = frames.resize_rgb(picture.rgb, (side, side), "bicubic")
    pixels = torch.tensor(square).permute(2, 0, 1)[None].to(models.device).float() / 127.5 - 1
    with models.at_work(models.vae), torch.no_grad():
        mean: Tensor = models.vae.encode(pixels.to(models.vae.dtype)).latent_dist.mean
    return mean.float() * float(models.vae.config.scaling_factor)


def embed_prompt(models: FocusModels, prompt: str) -> Text:
    """Return what the UNet reads of one prompt; what exceeds CLIP's 77 tokens is cut off.

    Stable Diffusion reads what its text encoder says last. SDXL reads the last layer but one of two encoders side by
    side, and what the second makes of the whole prompt.
    """
    longest = models.text_encoder.config.max_position_embeddings
    needed = len(models.tokenizer(prompt, verbose=False)["input_ids"])
    if needed > longest:
        LOG.warning(
            "the diffusion model reads %d tokens; the last %d of `%.60s...` are cut off",
            longest,
            needed - longest,
            prompt,
        )
    if models.text_encoder_2 is None:
        return Text(_encoded(models, models.tokenizer, models.text_encoder, prompt)[0].float())
    first = _encoded(models, models.tokenizer, models.text_encoder, prompt)
    second = _encoded(models, models.tokenizer_2, models.text_encoder_2, prompt)
    tokens = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    return Text(tokens.float(), second.text_embeds.float())


def _encoded(models: FocusModels, tokenizer: Any, encoder: Any, prompt: str) -> Any:
    longest = encoder.config.max_position_embeddings
    tokens = tokenizer(prompt, padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
    with models.at_work(encoder), torch.no_grad():
        return encoder(tokens["input_ids"].to(models.device), output_hidden_states=True)


def null_text(models: FocusModels) -> Text:
    """Return the text of no prompt: the empty one; of SDXL zeros, as its published pipeline takes them."""
    empty = embed_prompt(models, "")
    if empty.pooled is None:
        return empty
    return Text(torch.zeros_like(empty.tokens), torch.zeros_like(empty.pooled))


def make_noise(like: Tensor, seed: int) -> Tensor:
    """Return Gaussian noise for one latent (1, channels, side, side): by the seed alone, the same on every device."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn((1, *like.shape[1:]), generator=generator).to(like.device)


def predict_noise(models: FocusModels, latents: Tensor, t: int, text: Text) -> Tensor:
    """Return the noise (epsilon) that the UNet sees in `latents` at timestep `t`, float32.

    SDXL also reads sizes: its picture counts as a square, uncropped, of the size at which it is encoded.
    """
    added = None
    if text.pooled is not None:
        side = latents.shape[-1] * models.vae_stride
        sizes = torch.tensor([side, side, 0, 0, side, side], dtype=torch.float32, device=models.device)
        added = {"text_embeds": text.pooled.to(models.dtype), "time_ids": sizes.expand(len(latents), -1)}
    output: Tensor = models.unet(
        latents.to(models.dtype),
        torch.tensor(t, device=models.device),
        encoder_hidden_states=text.tokens.to(models.dtype),
        added_cond_kwargs=added,
        return_dict=False,
    )[0]
    if models.scheduler.config.prediction_type == "v_prediction":
        alpha = alpha_at(models, t)
        return math.sqrt(alpha) * output.float() + math.sqrt(1 - alpha) * latents
    return output.float()


def alpha_at(models: FocusModels, t: int) -> float:
    """Return the cumulated alpha of timestep `t`; that of timestep 0 for what comes before ("set_alpha_to_one off")."""
    alphas = models.scheduler.alphas_cumprod
    return float(alphas[min(max(t, 0), len(alphas) - 1)])


def add_noise(models: FocusModels, latents: Tensor, noise: Tensor, t: int) -> Tensor:
    """Return the latents as they are at timestep `t` of the diffusion with this noise."""
    alpha = alpha_at(models, t)
    return math.sqrt(alpha) * latents + math.sqrt(1 - alpha) * noise


def ddim_timesteps(models: FocusModels, steps: int) -> list[int]:
    """Return the timesteps of a walk of `steps` steps, the noisiest first."""
    models.scheduler.set_timesteps(steps)
    return [int(t) for t in models.scheduler.timesteps]


def _move(latents: Tensor, noise: Tensor, alpha_from: float, alpha_to: float) -> Tensor:
    clean = (latents - math.sqrt(1 - alpha_from) * noise) / math.sqrt(alpha_from)
    return math.sqrt(alpha_to) * clean + math.sqrt(1 - alpha_to) * noise


def ddim_previous(models: FocusModels, latents: Tensor, noise: Tensor, t: int, steps: int) -> Tensor:
    """Take one step towards the picture: from timestep `t` to the one before it."""
    before = t - models.scheduler.config.num_train_timesteps // steps
    return _move(latents, noise, alpha_at(models, t), alpha_at(models, before))


def ddim_next(models: FocusModels, latents: Tensor, noise: Tensor, t: int, steps: int) -> Tensor:
    """Take one step towards noise: from the timestep before `t` to `t`."""
    before = t - models.scheduler.config.num_train_timesteps // steps
    return _move(latents, noise, alpha_at(models, before), alpha_at(models, t))


@torch.no_grad()
def invert(
    models: FocusModels, latents: Tensor, text: Text, steps: int, advance: Callable[[], None] = lambda: None
) -> list[Tensor]:
    """Walk to noise by DDIM inversion at guidance 1; return all steps + 1 latents, the picture's own first."""
    path = [latents]
    for t in reversed(ddim_timesteps(models, steps)):
        path.append(ddim_next(models, path[-1], predict_noise(models, path[-1], t, text), t, steps))
        advance()
    return path


def optimise_null_text(
    models: FocusModels,
    latents: Tensor,
    target: Tensor,
    conditional_noise: Tensor,
    null_text: Text,
    t: int,
    step: int,
    *,
    steps: int,
    guidance: float,
    inner_steps: int,
) -> Text:
    """Return the unconditional embedding with which a guided step from `latents` lands nearest to `target`.

    `step` counts from 0 at the noisiest; it sets the learning rate 1e-2 (1 - step / 100) and the loss that is good
    enough, 1e-5 + step * 2e-5. No gradient of the UNet's weights is ever asked for. SDXL's pooled text stays.
    """
    tokens = null_text.tokens.detach().clone().requires_grad_()
    null_text = replace(null_text, tokens=tokens)
    optimiser = torch.optim.Adam([tokens], lr=1e-2 * (1 - step / 100))
    for _ in range(inner_steps):
        with torch.enable_grad():
            noise = guide(predict_noise(models, latents, t, null_text), conditional_noise, guidance)
            loss = F.mse_loss(ddim_previous(models, latents, noise, t, steps), target)
            (tokens.grad,) = torch.autograd.grad(loss, tokens)
        optimiser.step()
        if loss.item() < 1e-5 + step * 2e-5:
            break
    return replace(null_text, tokens=tokens.detach())


def guide(unconditional: Tensor, conditional: Tensor, guidance: float) -> Tensor:
    """Return the noise of classifier-free guidance."""
    return unconditional + guidance * (conditional - unconditional)
