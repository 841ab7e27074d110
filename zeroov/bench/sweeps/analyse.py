"""What a layer, a Focus setting or a threshold is worth, from dumps alone: no model, no torch.

`pointing`: the centre of the map's maximal cell lies in the true box. `mask_iou` and `box_iou`: of the mask that Evolve
cuts, and of its tight box; nothing found is 0. A figure that a sample cannot have, for lack of a true mask, is NaN.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.bench.scoring.statistics import interval
from zeroov.bench.sweeps.cases import Case, Sample, Tell, choose_focus, read_samples
from zeroov.dumps import Dump, settings_digest
from zeroov.errors import UsageError
from zeroov.evolve import binarise, grow
from zeroov.overview.combine import combine, select
from zeroov.pipeline.attention import cross_of, refuse_pyramid
from zeroov.recipe import Recipe
from zeroov.types import Bool, Float32

log = logging.getLogger("zeroov")
FIGURES = ("pointing", "mask_iou", "box_iou")
ROUGH = 2000  # bootstrap draws: enough for two decimals


@dataclass(frozen=True, eq=False)
class Row:
    """One setting: its name, what it sets, and for every sample what came of it."""

    name: str
    setting: Mapping[str, Any]
    samples: Mapping[str, list[float]] = field(default_factory=lambda: {name: [] for name in FIGURES})

    def add(self, pointing: float, mask_iou: float, box_iou: float) -> None:
        """Add a sample."""
        for name, value in zip(FIGURES, (pointing, mask_iou, box_iou), strict=True):
            self.samples[name].append(value)

    def mean(self, figure: str) -> float | None:
        """Return a figure's mean over the samples that have it; `None` when none has."""
        values = self._values(figure)
        return float(values.mean()) if values.size else None

    def to_json(self, intervals: bool = True) -> dict[str, Any]:
        """Return the setting, and of each figure the mean, its 95 % bootstrap interval and the number of samples."""
        document: dict[str, Any] = {"name": self.name, "setting": dict(self.setting)}
        for figure in FIGURES:
            values = self._values(figure)
            if values.size:
                document[figure] = {"mean": float(values.mean()), "samples": int(values.size)}
                if intervals:
                    document[figure]["interval"] = list(interval(values, draws=ROUGH))
        return document

    def _values(self, figure: str) -> NDArray[np.float64]:
        values = np.array(self.samples[figure], dtype=np.float64)
        return values[~np.isnan(values)]


def sweep_layers(
    cases: Sequence[Case],
    recipe: Recipe,
    weightings: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    tell: Tell = None,
) -> list[Row]:
    """Return a row for each layer that all dumps hold, their mean, the recipe's weighting, and each given one."""
    common = set.intersection(*(set(case.overview.about["layer_numbers"]) for case in cases))
    if not common:
        raise UsageError("the overview dumps have no layer in common; --recipe NAME says which ones are meant")
    wanted: dict[str, tuple[Sequence[int], Sequence[float]]] = {
        f"layer {number}": ([number], [1.0]) for number in sorted(common)
    }
    wanted["mean of these layers"] = (sorted(common), [1.0] * len(common))
    if set(recipe.overview.layers) <= common:
        wanted[f"recipe {recipe.name}"] = (recipe.overview.layers, recipe.overview.weights)
    for name, (numbers, _) in weightings.items():
        if missing := sorted(set(numbers) - common):
            raise UsageError(
                f"weighting `{name}`: layers {missing} are not in every dump; captured: {sorted(common)}. Capture more "
                'with --set overview.capture="all"'
            )
    wanted |= weightings
    rows = [
        Row(name, {"layers": list(numbers), "weights": list(weights)}) for name, (numbers, weights) in wanted.items()
    ]
    focuses = [[focus] for focus in choose_focus(cases, recipe)]
    for (sample,) in read_samples(cases, focuses, recipe, tell):
        for row in rows:
            layers = select(sample.overview.layers, sample.overview.layer_numbers, row.setting["layers"])
            cross = combine(layers, row.setting["weights"])
            row.add(sample.points(cross), *_cut(sample, *sample.fused(cross, recipe.evolve), recipe))
    return rows


def compare_focus(cases: Sequence[Case], recipe: Recipe, digests: Sequence[str], tell: Tell = None) -> list[Row]:
    """Return a row for each of the Focus settings over the samples that have them all, and one without Focus.

    `digests` names the settings, as `zeroov dumps ls` does; none: all that there are. Pointing is the fused map's.
    """
    made: dict[str, dict[str, Any]] = {}
    by_case: list[dict[str, Dump]] = []
    for case in cases:
        by_case.append({settings_digest("focus", dump.about["settings"]): dump for dump in case.focuses})
        made |= {digest: dump.about["settings"] for digest, dump in by_case[-1].items()}
    for digest in digests:
        if digest not in made:
            raise UsageError(f"no focus dump has the settings `{digest}`; these are here: {', '.join(sorted(made))}")
    chosen = list(digests) or sorted(made)
    paired = [(case, dumps) for case, dumps in zip(cases, by_case, strict=True) if set(chosen) <= dumps.keys()]
    if not paired:
        counts = ", ".join(f"{digest}: {sum(digest in dumps for dumps in by_case)}" for digest in chosen)
        raise UsageError(f"no sample has focus dumps of all these settings ({counts}); choose with --settings DIGEST")
    if len(paired) < len(cases):
        log.warning("compared over the %d of %d samples that have dumps of all settings", len(paired), len(cases))
    differing = {name for d in made.values() for name in d if any(o.get(name) != d[name] for o in made.values())}
    rows = [Row("without Focus", {})]
    for digest in chosen:
        shown = {name: made[digest].get(name) for name in ("grids", *sorted(differing - {"grids", "model"}))}
        label = ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None)
        rows.append(Row(f"{digest} ({label})", made[digest]))
    focuses = [[None, *(dumps[digest] for digest in chosen)] for _, dumps in paired]
    for samples in read_samples([case for case, _ in paired], focuses, recipe, tell):
        for row, sample in zip(rows, samples, strict=True):
            on_grid, fused = sample.fused(_cross(sample, recipe), recipe.evolve)
            row.add(sample.points(fused), *_cut(sample, on_grid, fused, recipe))
    return rows


def sweep_thresholds(
    cases: Sequence[Case],
    recipe: Recipe,
    grid: tuple[Sequence[int], Sequence[float], Sequence[float]],
    tell: Tell = None,
) -> list[Row]:
    """Return a row for every (k, tau, alpha) of the `grid` of ks, taus and alphas; they have no say in pointing.

    What does not depend on a threshold is done once for all: the fused map a sample, the map at the image's size a
    region, and many a k and tau grow the same region.
    """
    ks, taus, alphas = grid
    own = recipe.evolve.k, recipe.evolve.tau, recipe.evolve.alpha
    rows = {
        (k, tau, alpha): Row(
            f"k {k}, tau {tau:g}, alpha {alpha:g}" + (f" (recipe {recipe.name})" if (k, tau, alpha) == own else ""),
            {"k": k, "tau": tau, "alpha": alpha},
        )
        for k, tau, alpha in product(ks, taus, alphas)
    }
    focuses = [[focus] for focus in choose_focus(cases, recipe)]
    for (sample,) in read_samples(cases, focuses, recipe, tell):
        on_grid, fused = sample.fused(_cross(sample, recipe), recipe.evolve)
        cut: dict[bytes, list[tuple[float, float]]] = {}
        for k, tau in product(ks, taus):
            region = grow(fused, on_grid, k, tau)
            outcome = region.tobytes()
            if outcome not in cut:
                masks = cuts(fused, region, sample.hw, alphas, recipe.evolve.canvas)
                cut[outcome] = [sample.overlaps(mask) for mask in masks]
            for alpha, overlaps in zip(alphas, cut[outcome], strict=True):
                rows[k, tau, alpha].add(math.nan, *overlaps)
    return list(rows.values())


def cuts(fused: Float32, region: Bool, hw: tuple[int, int], alphas: Sequence[float], canvas: int) -> Iterator[Bool]:
    """Yield the mask (H, W) of each alpha: what `binarise` returns, but resized once for all."""
    if canvas:
        yield from (binarise(fused, region, hw, alpha, canvas) for alpha in alphas)
        return
    resized = frames.resize_map(np.where(region, fused, 0), hw)
    yield from (resized > alpha for alpha in alphas)


def _cross(sample: Sample, recipe: Recipe) -> Float32:
    """Return A_C as the recipe combines an Overview's layers."""
    refuse_pyramid(recipe.overview, "an analysis of dumps")
    try:
        return cross_of(sample.overview, recipe.overview, sample.expression)
    except ValueError as error:
        raise UsageError(
            f"recipe `{recipe.name}`: {error}; name the recipe that made the dumps with --recipe, or captured layers "
            "with --set overview.layers and overview.weights"
        ) from error


def _cut(sample: Sample, on_grid: Float32, fused: Float32, recipe: Recipe) -> tuple[float, float]:
    """Return the overlaps of the mask that the recipe cuts from a fused map."""
    how = recipe.evolve
    growing = "evolve" in recipe.stages
    region = grow(fused, on_grid, how.k, how.tau) if growing else np.ones(fused.shape, dtype=np.bool_)
    return sample.overlaps(binarise(fused, region, sample.hw, how.alpha, how.canvas))
