"""Train the miniature Stable Diffusion: `python -m scripts.training.train_diffusion --state runs/diffusion`. Resumable.

The scenes are drawn first; then the VAE learns, on crops; then the UNet and the text encoder, on the noised latents of
whole scenes. Besides the noise, throw-away cosine heads name kind, colour and place of each cell from what the
self-attention layers read; attention itself is not supervised. Half of the captions are empty, since recipes read with
an empty prompt. The same command goes on where the last one was cut off, on a CPU or CUDA; the state folder holds
everything, the model's folder (or `--out`) included, which is written at every save.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.training.diffusion.build import Parts, build_parts, save_parts
from scripts.training.diffusion.data import ScenePool
from scripts.training.diffusion.heads import CellHeads
from scripts.training.diffusion.measure import RECIPE, measure, val_scenes
from scripts.training.diffusion.muon import Muon, split_parameters
from scripts.training.diffusion.vae import LatentPool, VaeTraining
from scripts.training.resume import Curve, Limits, device_here, exported, read_state, run_arguments, write_state
from zeroov.focus.load import load_focus

WEIGHTS = {"noise": 1.0, "kind": 1.0, "colour": 0.5, "place": 1.0}


class Trainer:
    """Hold the parts, the optimisers, and where training stands."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.device = args, device_here()
        self.out: Path = args.out or args.state / "model"
        args.state.mkdir(parents=True, exist_ok=True)
        self.pool = ScenePool(args.state / "pool", args.scenes)
        self.parts: Parts = build_parts(args.seed, args.state / "tokenizer")
        self.parts.unet.to(self.device, memory_format=torch.channels_last).train()
        self.parts.text_encoder.to(self.device).train()
        self.heads = CellHeads(self.parts.unet).to(self.device)
        matrices, others = split_parameters(self.parts.unet, self.parts.text_encoder, skip=("conv_out", "embeddings"))
        self.optimisers = [
            Muon(matrices, lr=args.muon),
            torch.optim.AdamW([*others, *self.heads.parameters()], lr=args.adam, weight_decay=0.0),
        ]
        self.bases = [args.muon, args.adam]
        self.averaged = {
            name: {key: value.clone() for key, value in part.state_dict().items()}
            for name, part in self._exported().items()
        }
        self.step, self.seconds = 0, 0.0
        vae_file, self.file = args.state / "vae.bin", args.state / "unet.bin"
        self.vae = VaeTraining(
            self.parts.vae, args.vae_course, args.seed, self.device, vae_file, read_state(vae_file, self.device)
        )
        self._take_up(read_state(self.file, self.device))
        self.curve = Curve(args.state / "curve.jsonl", self._known)

    def _exported(self) -> dict[str, nn.Module]:
        return {"unet": self.parts.unet, "text_encoder": self.parts.text_encoder}

    def _take_up(self, kept: dict[str, Any] | None) -> None:
        if kept is None:
            return
        for name, part in {**self._exported(), "heads": self.heads}.items():
            part.load_state_dict(kept[name])
        for optimiser, saved in zip(self.optimisers, kept["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.averaged, self.step, self.seconds = kept["averaged"], kept["step"], kept["seconds"]

    def _known(self, line: dict[str, Any]) -> bool:
        if "scaling" in line:
            return self.vae.scaling is not None
        if "vae_step" in line:
            return bool(line["vae_step"] <= self.vae.step)
        return bool(line["step"] <= self.step)

    def log(self, **line: object) -> None:
        """Add one line to the curve."""
        self.curve.add(step=self.step, seconds=round(self.seconds, 1), **line)

    def save(self) -> None:
        """Write the state and the model's folder."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._exported().items()}
        state |= {"heads": self.heads.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers]}
        write_state(state | {"averaged": self.averaged, "step": self.step, "seconds": self.seconds}, self.file)
        with exported(self.out) as folder:
            save_parts(self.parts, {"vae": self.parts.vae.state_dict(), **self.averaged}, folder)

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Predict the noise on a batch of latents, and name their cells."""
        count, parts = self.args.batch, self.parts
        indices = rng.integers(0, self.pool.size, size=count)
        latents = torch.from_numpy(self.latents.values[indices]).float().to(self.device)
        low = rng.random(count) < 0.6
        t = torch.from_numpy((rng.random(count) * np.where(low, 400, 1000)).astype(np.int64)).to(self.device)
        noise = torch.from_numpy(rng.standard_normal(latents.shape, dtype=np.float32)).to(self.device)
        noisy = parts.scheduler.add_noise(latents, noise, t).contiguous(memory_format=torch.channels_last)
        text = parts.embed([self.captions[i] if rng.random() < 0.5 else "" for i in indices])
        with torch.autocast(self.device.type, torch.bfloat16):
            guess = parts.unet(noisy, t, encoder_hidden_states=text).sample
        owners = {g: torch.from_numpy(self.pool.arrays[f"owner{g}"][indices]).to(self.device) for g in (32, 16)}
        facts = torch.from_numpy(self.pool.arrays["facts"][indices]).to(self.device)
        signal = parts.scheduler.alphas_cumprod.to(self.device)[t]
        return {"noise": F.mse_loss(guess.float(), noise), **self.heads.loss(owners, facts, signal)}

    def descend(self, losses: dict[str, Tensor]) -> None:
        """Take one step; the averaged weights follow.

        They stand in for a falling rate: while it fell, the losses did so further, and the grouping worsened.
        """
        rate = min(1.0, (self.step + 1) / 30)
        for optimiser, base in zip(self.optimisers, self.bases, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.zero_grad(set_to_none=True)
        torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum().backward()
        nn.utils.clip_grad_norm_([p for g in self.optimisers[1].param_groups for p in g["params"]], 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        keep = min(0.995, (1 + self.step) / (10 + self.step))
        for name, part in self._exported().items():
            for key, value in part.state_dict().items():
                if value.is_floating_point():
                    self.averaged[name][key].lerp_(value, 1 - keep)

    def validate(self) -> None:
        """Measure the folder written last on a few validation scenes."""
        models = load_focus(self.out, RECIPE, self.device, name="mini", revision="")
        self.log(val=measure(models, val_scenes(self.args.val_scenes), RECIPE))

    def run(self) -> None:
        """Take the course up where it stands, until it or the limits are over."""
        limits = Limits(self.args, self.args.course)
        if not self.pool.fill(limits) or not self.vae.run(self.pool, self.curve, limits, self.args.log_every):
            return
        self.latents, self.captions = LatentPool(self.args.state, self.pool.size), self.pool.captions()
        if not self.latents.fill(self.parts.vae, self.pool, limits):
            return
        sums: list[dict[str, float]] = []
        over = limits.over(self.step)
        if over:
            self.save()
        while not over:
            last = time.monotonic()
            losses = self.losses(np.random.default_rng([self.args.seed, 2, self.step]))
            self.descend(losses)
            sums.append({name: float(value.detach()) for name, value in losses.items()})
            self.seconds += time.monotonic() - last
            over = limits.over(self.step)
            if self.step % self.args.log_every == 0 or over:
                self.log(**{name: round(float(np.mean([s[name] for s in sums])), 4) for name in sums[0]})
                sums.clear()
            measuring = limits.time_to_measure() or over
            if limits.time_to_save() or measuring:
                self.save()
            if measuring:
                self.validate()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and train."""
    parser = run_arguments(__doc__, measure_every=300, log_every=50)
    parser.add_argument("--course", type=int, default=2000, help="steps of the UNet's whole course")
    parser.add_argument("--vae-course", type=int, default=550, help="steps of the VAE's, which comes first")
    parser.add_argument("--scenes", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--muon", type=float, default=0.01)
    parser.add_argument("--adam", type=float, default=2e-3)
    parser.add_argument("--val-scenes", type=int, default=24)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    Trainer(args).run()


if __name__ == "__main__":
    main()
