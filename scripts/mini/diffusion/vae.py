"""Train the VAE on crops of the scenes, then keep the latents of all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.mini.diffusion.build import Parts, build_parts
from scripts.mini.diffusion.data import GRID, SIDE, ScenePool, pixels_of
from scripts.mini.diffusion.muon import Muon, split_parameters

CROP, BATCH = 128, 8
Log = Callable[..., None]


def _crops(pool: ScenePool, rng: np.random.Generator, count: int) -> Tensor:
    """Draw (count, 3, CROP, CROP), flipped at random."""
    picked = np.empty((count, CROP, CROP, 3), np.uint8)
    for row, index in zip(picked, rng.integers(0, pool.ready(), size=count), strict=True):
        y, x = rng.integers(0, SIDE - CROP + 1, size=2)
        crop = pool.arrays["pixels"][index, y : y + CROP, x : x + CROP]
        row[:] = np.rot90(crop[:, ::-1] if rng.random() < 0.5 else crop, int(rng.integers(4)))
    pixels = torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def save_whole(state: dict[str, Any], path: Path) -> None:
    """Write a file whole, then put it in place."""
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def vae_loss(vae: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is descended, and the mean absolute error of the picture alone (in [-1, 1])."""
    latent = vae.encode(pixels).latent_dist
    rebuilt = vae.decode(latent.sample()).sample.float()
    error = (rebuilt - pixels).abs().mean()
    edges = sum((rebuilt.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (2, 3))
    return error + 0.5 * edges + 1e-3 * latent.kl().float().mean() / latent.mean[0].numel(), error.detach()


def train_vae(
    parts: Parts, pool: ScenePool, minutes: float, seed: int, device: torch.device, log: Log, partial: Path
) -> None:
    """Train until the minutes are over, then set the scaling factor that gives latents unit variance.

    Every two minutes the training is kept in `partial`, from which a cut-off run goes on.
    """
    vae = parts.vae.to(device, memory_format=torch.channels_last).train()
    matrices, others = split_parameters(vae, skip=("conv_out",))
    optimisers = [Muon(matrices, lr=0.01), torch.optim.AdamW(others, lr=2e-3, weight_decay=0.0)]
    bases = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    began, step = time.monotonic(), 0
    if partial.exists():
        state = torch.load(partial, map_location=device, weights_only=True)
        vae.load_state_dict(state["vae"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        began, step = began - state["seconds"], state["step"]
    errors: list[float] = []
    kept = time.monotonic()
    while (through := (time.monotonic() - began) / (minutes * 60)) < 1:
        rng = np.random.default_rng([seed, 1, step])
        for optimiser, base in zip(optimisers, bases, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base * min(1.0, (step + 1) / 20, max(0.02, (1 - through) / 0.5))
        with torch.autocast(device.type, torch.bfloat16):
            loss, error = vae_loss(vae, _crops(pool, rng, BATCH).to(device))
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        step += 1
        errors.append(float(error))
        if step % 50 == 0:
            log(phase="vae", vae_step=step, rebuild=round(float(np.mean(errors[-50:])), 4))
        if time.monotonic() - kept > 120:
            kept = time.monotonic()
            state = {"vae": vae.state_dict(), "optimisers": [o.state_dict() for o in optimisers]}
            save_whole({**state, "seconds": kept - began, "step": step}, partial)
    vae.eval()
    with torch.no_grad():
        means = vae.encode(torch.from_numpy(pixels_of(pool, range(64))).to(device)).latent_dist.mean
    vae.register_to_config(scaling_factor=1 / float(means.std()))
    spread = means.std(dim=(0, 2, 3)).tolist()
    log(phase="vae", vae_step=step, scaling=float(vae.config.scaling_factor), channel_std=[round(s, 3) for s in spread])


class LatentPool:
    """The scaled latent means (size, 4, 32, 32) float16 of a scene pool, in the order of its scenes, as they come."""

    def __init__(self, folder: Path, size: int) -> None:
        self.path, self.counter = folder / "latents.npy", folder / "latents.count"
        if not self.path.exists():
            np.lib.format.open_memmap(self.path, mode="w+", dtype=np.float16, shape=(size, 4, GRID, GRID)).flush()
        self.values = np.lib.format.open_memmap(self.path, mode="r+")

    def ready(self) -> int:
        """Count the latents that are there."""
        return int(self.counter.read_text() or 0) if self.counter.exists() else 0


@torch.no_grad()
def encode_pool(state: Path, size: int, seed: int, batch: int = 16) -> None:
    """Encode every scene with the trained VAE: what the encoding process runs."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pool, latents = ScenePool(state / "pool", size), LatentPool(state, size)
    vae = build_parts(seed, state / "tokenizer").vae
    scale = load_vae(vae, state / "vae.pt", device)
    vae.to(memory_format=torch.channels_last)
    for start in range(latents.ready(), size, batch):
        end = min(start + batch, size)
        while pool.ready() < end:
            time.sleep(1)
        pixels = torch.from_numpy(pixels_of(pool, range(start, end))).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            mean = vae.encode(pixels.to(device)).latent_dist.mean
        latents.values[start:end] = (mean.float() * scale).half().cpu().numpy()
        latents.counter.write_text(str(end))


def load_vae(vae: Any, path: Path, device: torch.device) -> float:
    """Load the trained VAE; return its scaling factor, which is also set in its config."""
    state = torch.load(path, map_location=device, weights_only=True)
    vae.load_state_dict(state["vae"])
    vae.to(device).eval().requires_grad_(False).register_to_config(scaling_factor=float(state["scaling"]))
    return float(state["scaling"])
