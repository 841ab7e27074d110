"""Train the miniature SAM on boxes and points: `python -m scripts.training.train_sam --state runs/sam`. Resumable.

The same command goes on where the last one was cut off, on a CPU or CUDA. The state folder holds the state,
`curve.jsonl`, and the checkpoint `sam.pth` (or `--out`), written at every save.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor

from scripts.training.resume import Curve, Limits, device_here, exported, read_state, run_arguments, write_state
from zeroov.mini.hard import hard_question
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.refine.sam import MINI, build_layout

LOW = MINI.image_size // 2
"""Side of the decoder's own masks, four cells to a token."""


def scene_for(split: str, index: int, hard: float = 0.0) -> Scene:
    """Make a scene; those to train on come at several scales, and a share of `hard` is of the hard split."""
    if split != "train":
        return make_scene(seed_for("val", index))
    rng = np.random.default_rng([seed_for("train", index), 11])
    if hard and np.random.default_rng([seed_for("train", index), 29]).random() < hard:
        return hard_question("train", index).scene
    return make_scene(
        seed_for("train", index), SceneStyle(objects=(2, 7), scale=float(np.exp(rng.uniform(-0.25, 0.6))))
    )


def picture(scene: Scene) -> Tensor:
    """Give the picture at SAM's size: (3, 256, 256) float, 0 to 255."""
    resized = cv2.resize(scene.image, (MINI.image_size, MINI.image_size), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(resized).permute(2, 0, 1).float()


def rough_box(box_xyxy: np.ndarray, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Move every side of a box by a Gaussian of `spread` times its length, and keep it a box."""
    width, height = box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]
    moved = box_xyxy + rng.standard_normal(4) * spread * np.array([width, height, width, height])
    moved = np.clip(moved, 0, MINI.image_size)
    return np.where(moved[[2, 3, 2, 3]] - moved[[0, 1, 0, 1]] > 6, moved, box_xyxy)


def prompts_for(
    scene: Scene, rng: np.random.Generator, count: int, points: bool, spread: float
) -> tuple[Tensor, Tensor]:
    """Draw `count` objects: boxes (N, 4) or points (N, 2) in SAM pixels, and their masks (N, 128, 128) as cover."""
    factor = MINI.image_size / scene.image.shape[0]
    chosen = [scene.objects[int(i)] for i in rng.integers(len(scene.objects), size=count)]
    masks = [cv2.resize(o.mask.astype(np.float32), (LOW, LOW), interpolation=cv2.INTER_AREA) for o in chosen]
    if points:
        places = [np.argwhere(o.mask) for o in chosen]
        given = [(place[rng.integers(len(place))][::-1] + 0.5) * factor for place in places]
    else:
        given = [rough_box(np.array(o.box_xyxy) * factor, rng, spread) for o in chosen]
    return torch.tensor(np.stack(given), dtype=torch.float32), torch.from_numpy(np.stack(masks))


def predict(sam: Sam, embedding: Tensor, given: Tensor, points: bool) -> tuple[Tensor, Tensor]:
    """Run prompts on one image's embedding (1, d, 32, 32): mask logits (N, 3, 128, 128), predicted IoU (N, 3)."""
    label = torch.ones(len(given), 1, device=given.device)
    sparse, dense = sam.prompt_encoder(
        points=(given[:, None], label) if points else None, boxes=None if points else given, masks=None
    )
    masks, quality = sam.mask_decoder(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )
    return masks, quality


def mask_losses(logits: Tensor, quality: Tensor, truth: Tensor) -> Tensor:
    """Return focal + dice of the best of three masks (and a tenth of the others'), plus the error of the quality."""
    wanted = truth[:, None].expand_as(logits)
    chance = logits.sigmoid()
    bce = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (bce * (wanted - chance).abs() ** 2).mean((2, 3))
    both = (chance * wanted).sum((2, 3))
    dice = 1 - (2 * both + 1) / (chance.sum((2, 3)) + wanted.sum((2, 3)) + 1)
    each = 20 * focal + dice
    hard, true = logits > 0, wanted > 0.5
    real = (hard & true).sum((2, 3)) / (hard | true).sum((2, 3)).clamp(min=1)
    return each.min(1).values.mean() + 0.1 * each.mean() + (quality - real).square().mean()


@torch.no_grad()
def measure(sam: Sam, images: int, device: torch.device) -> dict[str, float]:
    """Return the mean IoU on validation scenes of the mask of highest predicted quality, at the scene's own pixels."""
    sam.eval()
    found: dict[str, list[float]] = {"box": [], "rough_box": [], "point": []}
    for index in range(images):
        scene = scene_for("val", index)
        rng = np.random.default_rng(index)
        embedding = sam.image_encoder(sam.preprocess(picture(scene)[None].to(device)))
        factor = MINI.image_size / scene.image.shape[0]
        for thing in scene.objects:
            box = np.array(thing.box_xyxy) * factor
            place = np.argwhere(thing.mask)
            point = (place[rng.integers(len(place))][::-1] + 0.5) * factor
            for name, value in (("box", box), ("rough_box", rough_box(box, rng, 0.15)), ("point", point)):
                given = torch.tensor(value[None], dtype=torch.float32, device=device)
                masks, quality = predict(sam, embedding, given, name == "point")
                best = masks[:, quality[0].argmax()][None]
                mask = F.interpolate(best, scene.image.shape[:2], mode="bilinear")[0, 0].cpu().numpy() > 0
                found[name].append(float((mask & thing.mask).sum() / max(1, (mask | thing.mask).sum())))
    sam.train()
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def save_checkpoint(sam: Sam, path: Path) -> None:
    """Write the state dict to ship: float32, with relative positions of zero."""
    whole = build_layout(MINI)
    missing = whole.load_state_dict({name: value.cpu() for name, value in sam.state_dict().items()}, strict=False)
    assert all(".rel_pos_" in name for name in missing.missing_keys)
    assert not missing.unexpected_keys
    torch.save(whole.state_dict(), path)


class Trainer:
    """Hold the model, its optimiser, and where training stands."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(args.seed)
        self.args, self.device = args, device_here()
        self.sam = build_layout(replace(MINI, relative=False)).to(self.device).train()
        torch.nn.init.normal_(self.sam.image_encoder.pos_embed, std=0.02)
        if args.begin_with:
            self.sam.load_state_dict(
                {
                    name: value
                    for name, value in torch.load(args.begin_with, weights_only=True).items()
                    if ".rel_pos_" not in name
                }
            )
        self.optimiser = torch.optim.AdamW(self.sam.parameters(), lr=args.lr, weight_decay=0.01, betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0
        args.state.mkdir(parents=True, exist_ok=True)
        self.file = args.state / "state.bin"
        kept = read_state(self.file, self.device)
        if kept:
            self.sam.load_state_dict(kept["model"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step, self.seconds = kept["step"], kept["seconds"]
        self.curve = Curve(args.state / "curve.jsonl", lambda line: line["step"] <= self.step)

    def save(self) -> None:
        """Write the state and the checkpoint."""
        state = {"model": self.sam.state_dict(), "optimiser": self.optimiser.state_dict()}
        write_state(state | {"step": self.step, "seconds": self.seconds}, self.file)
        with exported(self.args.out or self.args.state / "sam.pth") as path:
            save_checkpoint(self.sam, path)

    def log(self, **line: object) -> None:
        """Add one line to the curve."""
        self.curve.add(step=self.step, seconds=round(self.seconds, 1), **line)

    def loss(self) -> Tensor:
        """Run this step's scenes forward: boxes near and far from exact, and points in every fourth scene."""
        scenes = [scene_for("train", self.step * self.args.batch + i, self.args.hard) for i in range(self.args.batch)]
        scenes = [scene for scene in scenes if scene.objects]
        pictures = torch.stack([picture(scene) for scene in scenes]).to(self.device)
        embeddings = self.sam.image_encoder(self.sam.preprocess(pictures))
        total = torch.zeros((), device=self.device)
        for number, scene in enumerate(scenes):
            rng = np.random.default_rng([scene.seed, self.step])
            points = number % 4 == 3
            given, truth = prompts_for(scene, rng, self.args.prompts, points, 0.05 if number % 2 else 0.2)
            masks, quality = predict(self.sam, embeddings[number : number + 1], given.to(self.device), points)
            total = total + mask_losses(masks, quality, truth.to(self.device)) / len(scenes)
        return total

    def descend(self, loss: Tensor) -> None:
        """Take one step; the rate falls linearly over the last 40 % of the course."""
        left = 1 - self.step / self.args.course
        for group in self.optimiser.param_groups:
            group["lr"] = self.args.lr * min(1, (self.step + 1) / 100) * min(1.0, max(0.02, left / 0.4))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.sam.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1

    def run(self) -> None:
        """Train until the limits or the course are over."""
        limits = Limits(self.args, self.args.course)
        if limits.over(self.step):
            self.save()
            return
        losses: list[float] = []
        over = False
        while not over:
            last = time.monotonic()
            loss = self.loss()
            self.descend(loss)
            losses.append(float(loss.detach()))
            self.seconds += time.monotonic() - last
            over = limits.over(self.step)
            if self.step % self.args.log_every == 0 or over:
                self.log(loss=round(float(np.mean(losses)), 4))
                losses.clear()
            if limits.time_to_measure() or over:
                self.log(val=measure(self.sam, self.args.val_images, self.device))
            if limits.time_to_save() or over:
                self.save()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and train."""
    parser = run_arguments(__doc__, measure_every=900, log_every=100)
    parser.add_argument("--course", type=int, default=1100, help="steps of the whole course")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--begin-with", type=Path, help="checkpoint that a new course starts from")
    parser.add_argument("--hard", type=float, default=0.0, help="share of scenes of the hard split, crowded ones")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--val-images", type=int, default=30)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    Trainer(args).run()


if __name__ == "__main__":
    main()
