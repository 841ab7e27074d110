"""Measure whether a diffusion folder's affinity groups objects: `python -m scripts.training.diffusion.measure FOLDER`.

Per object of the validation scenes, with `zeroov.focus.stage.compute_affinities` and nothing else:
- `core`: the row averaged over the cells that the object covers wholly; `cell`: the row of one such cell;
  of each the AUROC of the object's cells against cells outside it, the IoU of the best threshold, and the IoU at 0.4
  of the row brought to [0, 1];
- `evolve`: the mask IoU of `zeroov.evolve` from a pointing map (8 x 8, a Gaussian of one cell around a jittered
  centre), per alpha.
Baselines: `colour`, an affinity from the similarity of the cells' mean colours, and no affinity at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from scripts.training.diffusion.data import GRID, SIDE, cover, describe, model_pixels
from zeroov.evolve import evolve
from zeroov.focus.load import FocusModels, load_focus
from zeroov.focus.stage import compute_affinities
from zeroov.mini.scenes import Scene, SceneObject, make_scene, seed_for
from zeroov.recipe import EvolveRecipe, FocusRecipe
from zeroov.types import Affinity, Picture

Float = npt.NDArray[np.float32]
RECIPE = FocusRecipe(
    model="mini",
    dtype="float32",
    method="noise",
    prompt="",
    grids=(32,),
    t=20,
    clean=True,
    working_grid=GRID,
    resize_to=SIDE,
)


def val_scenes(count: int) -> list[Scene]:
    """Return the first validation scenes."""
    return [make_scene(seed_for("val", index)) for index in range(count)]


def colour_affinity(scene: Scene, softness: float = 12.0) -> Affinity:
    """Return softmax(-|colour difference|^2 / (2 softness^2)) between the cells' mean colours."""
    cells = (
        cv2.resize(model_pixels(scene), (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32)
    )
    apart = ((cells[:, None] - cells[None]) ** 2).sum(-1)
    weights = np.exp(-apart / (2 * softness**2))
    matrix = (weights / weights.sum(1, keepdims=True)).astype(np.float16)
    return Affinity(matrix=matrix, grid_hw=(GRID, GRID), method="colour", model="none", revision="")


def pointing_map(
    thing: SceneObject, scene: Scene, rng: np.random.Generator, side: int = 8, sigma: float = 1.0
) -> Float:
    """Return a map as a good Overview gives it: (side, side), a Gaussian around the centre, a third of a cell off."""
    height, width = scene.height_width
    x, y = (v * side for v in (thing.centre_xy[0] / width, thing.centre_xy[1] / height))
    x, y = x + rng.normal(0, 0.33), y + rng.normal(0, 0.33)
    at = np.arange(side) + 0.5
    apart = (at[None, :] - x) ** 2 + (at[:, None] - y) ** 2
    return np.asarray(np.exp(-apart / (2 * sigma**2)), dtype=np.float32)


def iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Return the intersection over the union."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def auroc(inside: Float, outside: Float) -> float:
    """Return the chance that a cell inside has more than one outside."""
    ranks = np.concatenate([inside, outside]).argsort(kind="stable").argsort(kind="stable")[: len(inside)] + 1
    return float((ranks.sum() - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside)))


def best_iou(row: Float, inside: npt.NDArray[np.bool_]) -> float:
    """Return the IoU of the best threshold."""
    hits = inside[np.argsort(-row, kind="stable")]
    taken, found = np.arange(1, len(row) + 1), hits.cumsum()
    return float((found / (taken + inside.sum() - found)).max())


def judge(affinity: Affinity | None, scene: Scene, number: int, alphas: tuple[float, ...]) -> dict[str, float]:
    """Return the figures for one object of a scene."""
    thing = scene.objects[number]
    rng = np.random.default_rng([scene.seed, number])
    values: dict[str, float] = {}
    pointing = pointing_map(thing, scene, rng)
    for alpha in alphas:
        evolved = evolve(pointing, affinity, scene.height_width, EvolveRecipe(alpha=alpha), grid_hw=(GRID, GRID))
        values[f"evolve{alpha:g}"] = iou(evolved.mask, thing.mask)
    if affinity is None:
        return values
    covered = cover(thing.mask, GRID).ravel()
    inside, outside = covered >= 0.5, covered < 0.05
    core = np.flatnonzero(covered >= min(0.95, float(covered.max())))
    if not inside.any():
        return values
    matrix = affinity.matrix.astype(np.float32)
    for name, cells in (("core", core), ("cell", core[[int(rng.integers(len(core)))]])):
        row = matrix[cells].mean(0)
        scaled = (row - row.min()) / max(float(row.max() - row.min()), 1e-12)
        values[f"{name}_auc"] = auroc(row[inside], row[outside])
        values[f"{name}_best"] = best_iou(row, inside)
        values[f"{name}_0.4"] = iou(scaled > 0.4, inside)
    return values


def summarise(
    affinities: list[Affinity] | list[None], scenes: list[Scene], alphas: tuple[float, ...] = (0.4,)
) -> dict[str, float]:
    """Return the means over all objects of all scenes."""
    rows = [
        judge(affinity, scene, number, alphas)
        for affinity, scene in zip(affinities, scenes, strict=True)
        for number in range(len(scene.objects))
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.mean([row[name] for row in rows if name in row])), 4) for name in names}


def measure(
    models: FocusModels, scenes: list[Scene], recipe: FocusRecipe, alphas: tuple[float, ...] = (0.4,)
) -> dict[str, float]:
    """Return the figures of a diffusion model, read as the recipe says ({expression}: the scene's description)."""
    found: list[Affinity] = []
    for scene in scenes:
        found += compute_affinities(models, [Picture(scene.image)], [describe(scene)], recipe)
    return summarise(found, scenes, alphas)


def main() -> None:
    """Read the command line and print one JSON line per way of reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument("--t", type=int, nargs="+", default=[50, 100, 200, 300])
    parser.add_argument("--grids", nargs="+", default=["32", "16", "32,16"])
    parser.add_argument("--clean", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--ensemble", type=int, nargs="+", default=[1])
    parser.add_argument("--prompt", nargs="+", default=[""])
    parser.add_argument("--method", default="noise")
    parser.add_argument("--alphas", type=float, nargs="+", default=[0.4])
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    scenes, alphas = val_scenes(args.scenes), tuple(args.alphas)
    if args.baselines:
        print(json.dumps({"baseline": "none", **summarise([None] * len(scenes), scenes, alphas)}), flush=True)
        colour = [colour_affinity(scene) for scene in scenes]
        print(json.dumps({"baseline": "colour", **summarise(colour, scenes, alphas)}), flush=True)
    models = load_focus(args.folder, RECIPE, torch.device("cpu"), name="mini", revision="")
    for prompt in args.prompt:
        for clean in args.clean:
            for t in args.t:
                for grids in args.grids:
                    for ensemble in args.ensemble:
                        recipe = dataclasses.replace(
                            RECIPE,
                            t=t,
                            clean=bool(clean),
                            grids=tuple(int(g) for g in grids.split(",")),
                            prompt=prompt,
                            ensemble=ensemble,
                            method=args.method,
                        )
                        way = {"t": t, "grids": grids, "clean": clean, "prompt": prompt, "ensemble": ensemble}
                        print(json.dumps({**way, **measure(models, scenes, recipe, alphas)}), flush=True)


if __name__ == "__main__":
    main()
