"""Train the miniature Stable Diffusion: `python -m scripts.mini.train_diffusion --state DIR --out FOLDER`. Resumable.

The VAE comes first, on crops; then the UNet and the text encoder on the noised latents of whole scenes. Besides the
noise, throw-away cosine heads name kind, colour and place of each cell from what the self-attention layers read;
attention itself is not supervised. Half of the captions are empty, since recipes read with an empty prompt.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.mini.diffusion.build import Parts, build_parts, save_parts
from scripts.mini.diffusion.data import ScenePool, fill_pool
from scripts.mini.diffusion.heads import CellHeads
from scripts.mini.diffusion.measure import RECIPE, measure, val_scenes
from scripts.mini.diffusion.muon import Muon, split_parameters
from scripts.mini.diffusion.vae import LatentPool, encode_pool, load_vae, save_whole, train_vae
from zeroov.focus.load import load_focus


class Trainer:
    """Hold the parts, the optimisers, and where training stands."""

    def __init__(self, args: argparse.Namespace, pool: ScenePool) -> None:
        self.args, self.pool, self.folder = args, pool, Path(args.state)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.parts: Parts = build_parts(args.seed, self.folder / "tokenizer")
        self.parts.unet.to(self.device, memory_format=torch.channels_last).train()
        self.parts.text_encoder.to(self.device).train()
        self.heads = CellHeads(self.parts.unet).to(self.device)
        matrices, others = split_parameters(self.parts.unet, self.parts.text_encoder, skip=("conv_out", "embeddings"))
        self.optimisers = [
            Muon(matrices, lr=args.muon),
            torch.optim.AdamW([*others, *self.heads.parameters()], lr=args.adam, weight_decay=0.0),
        ]
        self.bases = [args.muon, args.adam]
        self.averaged = {name: part.state_dict() for name, part in self._exported().items()}
        self.averaged = {n: {k: v.clone() for k, v in state.items()} for n, state in self.averaged.items()}
        self.step, self.seconds, self.known = 0, 0.0, 0

    def _exported(self) -> dict[str, nn.Module]:
        return {"unet": self.parts.unet, "text_encoder": self.parts.text_encoder}

    def log(self, **line: object) -> None:
        """Append one line to the curve."""
        whole = {"step": self.step, "seconds": round(self.seconds, 1), **line}
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(whole) + "\n")
        print(json.dumps(whole), flush=True)

    def prepare(self) -> None:
        """Train the VAE or load it, load or make the latents, and go on from the last checkpoint."""
        kept = self.folder / "vae.pt"
        if not kept.exists():
            train_vae(
                self.parts,
                self.pool,
                self.args.vae_minutes,
                self.args.seed,
                self.device,
                self.log,
                self.folder / "vae_training.pt",
            )
            save_whole({"vae": self.parts.vae.state_dict(), "scaling": self.parts.vae.config.scaling_factor}, kept)
        load_vae(self.parts.vae, kept, self.device)
        size = self.args.scenes
        spawning = multiprocessing.get_context("spawn")
        self.encoding = spawning.Process(target=encode_pool, args=(self.folder, size, self.args.seed), daemon=True)
        self.encoding.start()
        self.latents = LatentPool(self.folder, size)
        while self.latents.ready() < min(400, size):
            time.sleep(1)
        while self.pool.ready() < size:
            time.sleep(1)
        self.captions = self.pool.captions()
        if (self.folder / "unet.pt").exists():
            state = torch.load(self.folder / "unet.pt", map_location=self.device, weights_only=True)
            for name, part in {**self._exported(), "heads": self.heads}.items():
                part.load_state_dict(state[name])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.averaged, self.step, self.seconds = state["averaged"], state["step"], state["seconds"]

    def save(self) -> None:
        """Write the state and the folder."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._exported().items()}
        state |= {"heads": self.heads.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers]}
        state |= {"averaged": self.averaged, "step": self.step, "seconds": self.seconds}
        save_whole(state, self.folder / "unet.pt")
        save_parts(self.parts, {"vae": self.parts.vae.state_dict(), **self.averaged}, Path(self.args.out))

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Predict the noise on a batch of latents, and name their cells."""
        count, parts = self.args.batch, self.parts
        if self.step % 50 == 0 or not self.known:
            self.known = self.latents.ready()
        indices = rng.integers(0, self.known, size=count)
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

    def descend(self, losses: dict[str, Tensor], through: float) -> None:
        """Take one step, and let the averaged weights follow."""
        scale = min(1.0, (self.step + 1) / 30, max(0.02, (1 - through) / 0.4))
        for optimiser, base in zip(self.optimisers, self.bases, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base * scale
            optimiser.zero_grad(set_to_none=True)
        weights = {"noise": 1.0, "kind": 1.0, "colour": 0.5, "place": 1.0}
        loss = sum((weights[name] * (self.args.heads if name != "noise" else 1.0) * v for name, v in losses.items()))
        assert isinstance(loss, Tensor)
        loss.backward()
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
        """Measure the exported folder on a few validation scenes."""
        models = load_focus(Path(self.args.out), RECIPE, self.device, name="mini", revision="")
        self.log(val=measure(models, val_scenes(self.args.val_scenes), RECIPE))

    def run(self) -> None:
        """Train until the minutes are over."""
        began = last = saved = validated = time.monotonic()
        sums: list[dict[str, float]] = []
        while (through := (time.monotonic() - began) / (self.args.minutes * 60)) < 1:
            losses = self.losses(np.random.default_rng([self.args.seed, 2, self.step]))
            self.descend(losses, through)
            sums.append({name: float(value.detach()) for name, value in losses.items()})
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            if self.step % 50 == 0:
                self.log(**{name: round(float(np.mean([s[name] for s in sums])), 4) for name in sums[0]})
                sums.clear()
            if now - saved > self.args.save_every:
                self.save()
                saved = time.monotonic()
                if saved - validated > self.args.validate_every:
                    self.validate()
                    validated = time.monotonic()
        self.save()
        self.validate()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True, help="folder outside the project for scenes and checkpoints")
    parser.add_argument("--out", required=True, help="the Stable Diffusion folder to write")
    parser.add_argument("--minutes", type=float, default=40, help="for the UNet, from now")
    parser.add_argument("--vae-minutes", type=float, default=8)
    parser.add_argument("--scenes", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--muon", type=float, default=0.01)
    parser.add_argument("--adam", type=float, default=2e-3)
    parser.add_argument("--heads", type=float, default=1.0, help="weight of the throw-away heads")
    parser.add_argument("--save-every", type=float, default=120)
    parser.add_argument("--validate-every", type=float, default=280)
    parser.add_argument("--val-scenes", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    pool = ScenePool(Path(args.state) / "pool", args.scenes)
    drawing = multiprocessing.get_context("spawn").Process(target=fill_pool, args=(pool.folder, args.scenes))
    drawing.start()
    while pool.ready() < min(500, args.scenes):
        time.sleep(1)
    trainer = Trainer(args, pool)
    trainer.prepare()
    trainer.run()


if __name__ == "__main__":
    main()
