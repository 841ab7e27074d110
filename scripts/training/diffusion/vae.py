"""Train the VAE on crops of the scenes, then keep the latents of all of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.training.diffusion.data import GRID, SIDE, ScenePool, kept_array, pixels_of
from scripts.training.diffusion.muon import Muon, split_parameters
from scripts.training.resume import Curve, Limits, write_state

CROP, BATCH = 128, 8


def _crops(pool: ScenePool, rng: np.random.Generator, count: int) -> Tensor:
    """Draw (count, 3, CROP, CROP), flipped at random."""
    picked = np.empty((count, CROP, CROP, 3), np.uint8)
    for row, index in zip(picked, rng.integers(0, pool.size, size=count), strict=True):
        y, x = rng.integers(0, SIDE - CROP + 1, size=2)
        crop = pool.arrays["pixels"][index, y : y + CROP, x : x + CROP]
        row[:] = np.rot90(crop[:, ::-1] if rng.random() < 0.5 else crop, int(rng.integers(4)))
    pixels = torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def vae_loss(vae: Any, pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return what is descended, and the mean absolute error of the picture alone (in [-1, 1])."""
    latent = vae.encode(pixels).latent_dist
    rebuilt = vae.decode(latent.sample(generator)).sample.float()
    error = (rebuilt - pixels).abs().mean()
    edges = sum((rebuilt.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (2, 3))
    return error + 0.5 * edges + 1e-3 * latent.kl().float().mean() / latent.mean[0].numel(), error.detach()


class VaeTraining:
    """The first part of the course: the VAE, its optimisers, and where its training stands."""

    def __init__(
        self, vae: Any, course: int, seed: int, device: torch.device, file: Path, kept: dict[str, Any] | None
    ) -> None:
        self.vae, self.course, self.seed, self.device, self.file = vae, course, seed, device, file
        vae.to(device, memory_format=torch.channels_last).train()
        matrices, others = split_parameters(vae, skip=("conv_out",))
        self.optimisers = [Muon(matrices, lr=0.01), torch.optim.AdamW(others, lr=2e-3, weight_decay=0.0)]
        self.bases = [0.01, 2e-3]
        self.step, self.seconds = 0, 0.0
        self.scaling: float | None = None
        """What brings latents to unit variance; known when training is over."""
        if kept:
            vae.load_state_dict(kept["vae"])
            for optimiser, saved in zip(self.optimisers, kept["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.step, self.seconds, self.scaling = kept["step"], kept["seconds"], kept["scaling"]

    def save(self) -> None:
        """Write the state."""
        state = {"vae": self.vae.state_dict(), "optimisers": [optimiser.state_dict() for optimiser in self.optimisers]}
        write_state(state | {"step": self.step, "seconds": self.seconds, "scaling": self.scaling}, self.file)

    def run(self, pool: ScenePool, curve: Curve, limits: Limits, log_every: int) -> bool:
        """Train until the limits or the course are over; tell whether the VAE is ready."""
        errors: list[float] = []
        while self.step < self.course:
            if limits.out_of_time():
                self.save()
                return False
            last = time.monotonic()
            errors.append(self._descend(pool))
            self.seconds += time.monotonic() - last
            if self.step % log_every == 0:
                self._log(curve, rebuild=round(float(np.mean(errors)), 4))
                errors.clear()
            if limits.time_to_save():
                self.save()
        self.vae.eval().requires_grad_(False)
        if self.scaling is None:
            some = torch.from_numpy(pixels_of(pool, range(min(64, pool.size)))).to(self.device)
            means = self.vae.encode(some).latent_dist.mean
            self.scaling = 1 / float(means.std())
            self.save()
            spread = [round(float(one), 3) for one in means.std(dim=(0, 2, 3))]
            self._log(curve, scaling=round(self.scaling, 4), channel_std=spread)
        self.vae.register_to_config(scaling_factor=self.scaling)
        return True

    def _log(self, curve: Curve, **line: object) -> None:
        curve.add(phase="vae", vae_step=self.step, seconds=round(self.seconds, 1), **line)

    def _descend(self, pool: ScenePool) -> float:
        """Take one step; the rate falls linearly over the second half of the course."""
        rate = min(1.0, (self.step + 1) / 20, max(0.02, (1 - self.step / self.course) / 0.5))
        crops = _crops(pool, np.random.default_rng([self.seed, 1, self.step]), BATCH).to(self.device)
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + self.step)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, error = vae_loss(self.vae, crops, generator)
        for optimiser, base in zip(self.optimisers, self.bases, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.vae.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        return float(error)


class LatentPool:
    """The scaled latent means (size, 4, 32, 32) float16 of a scene pool, in the order of its scenes."""

    def __init__(self, folder: Path, size: int) -> None:
        self.values = kept_array(folder / "latents.npy", (size, 4, GRID, GRID), np.float16)
        self._counter = folder / "latents.count"

    def ready(self) -> int:
        """Count the latents that are there."""
        return int(self._counter.read_text()) if self._counter.exists() else 0

    @torch.no_grad()
    def fill(self, vae: Any, pool: ScenePool, limits: Limits, batch: int = 16) -> bool:
        """Encode what is missing; tell whether all is there."""
        for start in range(self.ready(), pool.size, batch):
            if limits.out_of_time():
                return False
            end = min(start + batch, pool.size)
            pixels = torch.from_numpy(pixels_of(pool, range(start, end))).to(vae.device)
            with torch.autocast(vae.device.type, torch.bfloat16):
                mean = vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist.mean
            self.values[start:end] = (mean.float() * vae.config.scaling_factor).half().cpu().numpy()
            part = self._counter.with_suffix(".part")
            part.write_text(str(end))
            part.replace(self._counter)
        return True
