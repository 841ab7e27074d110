"""Score many settings of a run from its dumps: no model, no pictures, no torch.

What is scored is the answer before Refine, which needs a model. The samples that count are those that `score` counts
under the same protocol: where it counts failed ones, these are misses under every setting.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.bench.data.sample import mask_overlap
from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.metrics import Floats, figures, fitted_hw
from zeroov.bench.scoring.overlaps import box_pairs, counted, counted_rows
from zeroov.bench.scoring.protocols import MaskRule, Protocol
from zeroov.bench.scoring.score import why_nothing
from zeroov.bench.scoring.statistics import paired, percentiles, resampled_sums
from zeroov.bench.sweeps.analyse import cuts
from zeroov.dumps import DumpStore
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DumpError, RecipeError, UsageError, did_you_mean
from zeroov.evolve import fuse, grow, to_grid
from zeroov.outputs.rle import decode_rle
from zeroov.pipeline.attention import cross_of, refuse_pyramid
from zeroov.recipe import Recipe, from_dict
from zeroov.types import Bool, Float32, Overview

log = logging.getLogger("zeroov")
FREE = (
    "evolve.k",
    "evolve.tau",
    "evolve.alpha",
    "evolve.official",
    "evolve.canvas",
    "overview.layers",
    "overview.weights",
    "overview.position",
    "stages",
)
Combination = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Setting:
    """A combination of values, and what came of every sample: rows of `metrics.per_sample`, `None` without a truth."""

    changes: Combination
    recipe: Recipe
    box: Floats | None
    mask: Floats | None


def recipe_of(run: Run) -> Recipe:
    """Return the recipe that a run's manifest names, key by key."""
    told = run.manifest.get("made_with", {})
    nested: dict[str, Any] = {"stages": told["stages"]} if "stages" in told else {}
    for key, value in told.items():
        section, _, name = key.partition(".")
        if name:
            nested.setdefault(section, {})[name] = value
    if not nested:
        raise UsageError(f"run `{run.name}` has no manifest that tells its recipe; finish it with `zeroov bench run`")
    return from_dict(nested)


def parse_grid(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read `KEY=V1,V2,...` texts; values are TOML, commas inside brackets separate nothing."""
    grid: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not values:
            raise UsageError(f"--grid takes KEY=V1,V2,..., e.g. evolve.alpha=0.2,0.3,0.4, got `{text}`")
        if key not in FREE:
            raise UsageError(f"`{key}` cannot be changed without running a model{did_you_mean(key, FREE)}")
        many = "" if values.startswith("[[") else "["
        try:
            grid[key] = tomllib.loads(f"v = {many}{values}{']' if many else ''}")["v"]
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"the values of `{key}` are not TOML ({error}): {values}") from error
    if not grid:
        raise UsageError("name at least one key, e.g. --grid evolve.alpha=0.2,0.3,0.4")
    return grid


def combinations(recipe: Recipe, grid: Mapping[str, Sequence[Any]]) -> list[tuple[Combination, Recipe]]:
    """Return every combination of a grid's values with its recipe.

    Where layers vary and weights do not, layers of another number than the recipe's weigh alike; where both vary,
    numbers that do not fit each other are passed over.
    """
    found = []
    for values in itertools.product(*grid.values()):
        changes = dict(zip(grid, values, strict=True))
        layers = changes.get("overview.layers", recipe.overview.layers)
        weights = changes.get("overview.weights", recipe.overview.weights)
        if len(layers) != len(weights):
            if "overview.weights" in grid:
                continue
            weights = [1.0] * len(layers)
        chosen = recipe.with_values({**changes, "overview.layers": layers, "overview.weights": weights})
        if "refine" in chosen.stages:
            chosen = chosen.with_values({"stages": [stage for stage in chosen.stages if stage != "refine"]})
        if not {"focus", "evolve"} & set(chosen.stages):
            raise RecipeError(f"stages = {list(chosen.stages)} leaves nothing to cut a mask from")
        found.append((changes, chosen))
    if not found:
        raise UsageError("no combination of overview.layers and overview.weights has as many weights as layers")
    return found


def ablate(
    run: Run,
    folders: Sequence[Path],
    grid: Mapping[str, Sequence[Any]],
    protocol: Protocol,
    *,
    jobs: int = 0,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[Setting]:
    """Score every combination of `grid` on a run, whose dumps lie in `folders`; `jobs` processes, 0: one a core."""
    recipe = recipe_of(run)
    refuse_pyramid(recipe.overview, "an ablation")
    settings = combinations(recipe, grid)
    boxes_or_masks = (*counted(run.records, protocol, "box"), *counted(run.records, protocol, "mask"))
    records = [run.records[position] for position in sorted({position for position, _ in boxes_or_masks})]
    if not records:
        raise UsageError(why_nothing(run, protocol, "coarse"))
    recipes, rule = [recipe for _, recipe in settings], protocol.mask
    jobs = min(jobs or os.cpu_count() or 1, max(1, len(records) // 8))
    step = max(1, min(64, math.ceil(len(records) / jobs)))
    parts = [(records[start : start + step], list(folders), recipes, rule) for start in range(0, len(records), step)]
    boxes, pairs, lost = [], [], 0
    tell("ablate", 0, len(records))
    for done, (box, pair, without) in enumerate(_mapped(parts, jobs), start=1):
        boxes.append(box)
        pairs.append(pair)
        lost += without
        tell("ablate", min(done * step, len(records)), len(records))
    if lost and all(np.isnan(box).all() for box in boxes):
        raise DumpError(
            f"none of the dumps of run `{run.name}` are in {', '.join(map(str, folders))}; --dumps names them"
        )
    if lost:
        log.warning("%d samples that did not fail have lost their dumps; they count as missed", lost)
    return [
        Setting(changes, recipe, *_columns(records, box, pair, protocol))
        for (changes, recipe), box, pair in zip(
            settings, np.concatenate(boxes, axis=1), np.concatenate(pairs, axis=1), strict=True
        )
    ]


Part = tuple[Sequence[Record], Sequence[Path], Sequence[Recipe], MaskRule | None]


def _mapped(parts: Sequence[Part], jobs: int) -> Iterator[tuple[Floats, Floats, int]]:
    if jobs == 1:
        yield from map(_measure, parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_measure, parts)


def _measure(part: Part) -> tuple[Floats, Floats, int]:
    """Return for every recipe and record the cut mask's box, (recipes, records, 4), and its overlap with the truth.

    Last comes the number of records that did not fail and whose dumps are not there.
    """
    records, folders, recipes, rule = part
    stores = [DumpStore(folder) for folder in folders]
    boxes = np.full((len(recipes), len(records), 4), np.nan)
    pairs = np.zeros((len(recipes), len(records), 2))
    lost = 0
    for column, record in enumerate(records):
        truth = None
        if rule and record.truth_mask:
            truth = frames.resize_mask(decode_rle(record.truth_mask), fitted_hw(record.hw, rule.frame, rule.side))
            pairs[:, column, 1] = np.count_nonzero(truth)
        cut = np.zeros(len(recipes), dtype=np.bool_)
        for row, mask in _cut(record, stores, recipes):
            cut[row] = True
            if box := frames.mask_to_box(mask):
                boxes[row, column] = box.xyxy
            if truth is not None:
                pairs[row, column] = mask_overlap(frames.resize_mask(mask, (truth.shape[0], truth.shape[1])), truth)
        lost += record.status != "failed" and not cut.all()
    return boxes, pairs, lost


def _cut(record: Record, stores: Sequence[DumpStore], recipes: Sequence[Recipe]) -> Iterator[tuple[int, Bool]]:
    """Yield (number of the recipe, mask of the record's image); what recipes share is computed once."""
    overview = next((d for s in stores if (d := s.read("overview", record.dumps.get("overview", "-")))), None)
    if overview is None:
        return
    look = to_overview(overview)
    focus = next((d for s in stores if (d := s.read("focus", record.dumps.get("focus", "-")))), None)
    affinity = to_affinity(focus) if focus else None
    matrix = affinity.matrix.astype(np.float32) if affinity else None
    numbered = list(enumerate(recipes))
    for _, alike in _grouped(numbered, _fusing):
        recipe = alike[0][1]
        grid = (recipe.focus.working_grid,) * 2
        cross = _cross(look, recipe, record.expression)
        on_grid = to_grid(cross, affinity.grid_hw if affinity else grid, official=recipe.evolve.official)
        if "focus" in recipe.stages:
            if matrix is None:
                continue
            fused = fuse(on_grid, matrix)
        else:
            fused = frames.min_max(on_grid)
        whole = np.ones(fused.shape, dtype=np.bool_)
        for (k, tau, growing, canvas), same in _grouped(alike, _growing):
            region = grow(fused, on_grid, k, tau) if growing else whole
            alphas = [recipe.evolve.alpha for _, recipe in same]
            for (number, _), mask in zip(same, cuts(fused, region, record.hw, alphas, canvas), strict=True):
                yield number, mask


def _cross(look: Overview, recipe: Recipe, expression: str) -> Float32:
    try:
        return cross_of(look, recipe.overview, expression)
    except ValueError as error:
        raise UsageError(
            f"{error}; the run captured those alone: run it with --set overview.capture=all to vary layers"
        ) from error


def _fusing(numbered: tuple[int, Recipe]) -> Any:
    recipe = numbered[1]
    look = recipe.overview
    return look.layers, look.weights, look.position, recipe.evolve.official, "focus" in recipe.stages


def _growing(numbered: tuple[int, Recipe]) -> Any:
    recipe = numbered[1]
    return recipe.evolve.k, recipe.evolve.tau, "evolve" in recipe.stages, recipe.evolve.canvas


def _grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> Iterator[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    yield from groups.items()


def _columns(
    records: Sequence[Record], boxes: Floats, pairs: Floats, protocol: Protocol
) -> tuple[Floats | None, Floats | None]:
    """Return the protocol's rows of the boxes and of the masks."""
    box = mask = None
    if protocol.box and (counts := counted(records, protocol, "box")):
        known = [position for position, truth in counts if truth is not None]
        true = [truth for _, truth in counts if truth is not None]
        overlap = box_pairs([records[position] for position in known], true, boxes[known], protocol.box)
        box = counted_rows(counts, *overlap, protocol.box)
    if protocol.mask and (counts := counted(records, protocol, "mask")):
        known = [position for position, truth in counts if truth is not None]
        mask = counted_rows(counts, pairs[known, 0], pairs[known, 1], protocol.mask)
    return box, mask


def tell_setting(setting: Setting, own: Setting | None, protocol: Protocol) -> dict[str, Any]:
    """Return a setting's figures with intervals, and how its mIoU differs from the run's own setting."""
    told: dict[str, Any] = {"setting": setting.changes}
    for target, rule in (("box", protocol.box), ("mask", protocol.mask)):
        rows: Floats | None = getattr(setting, target)
        if rows is None or rule is None:
            continue
        values = dict(zip(rule.names, figures(rows.sum(axis=0), len(rows), rule).tolist(), strict=True))
        iou = len(rule.thresholds)  # the column of the IoU itself
        low, high = percentiles(resampled_sums(rows[:, [iou]], seed=0, draws=1000)[:, 0] / len(rows))
        told[target] = values | {"mIoU_interval": [low, high], "samples": len(rows)}
        if own is not None and own is not setting:
            told[target]["against_own"] = paired(getattr(own, target)[:, iou], rows[:, iou], draws=1000)._asdict()
    return told
