"""Cut the masks of many settings out of one sample's maps, and measure them; over the samples in some processes."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from zeroov import frames
from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.metrics import Floats, fitted_hw
from zeroov.bench.scoring.protocols import MaskRule
from zeroov.bench.sweeps.settings import Setting
from zeroov.dumps import Dump, read_dump
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DumpError, UsageError
from zeroov.evolve import binarise, fuse, grow, to_grid
from zeroov.outputs.rle import decode_rle
from zeroov.pipeline.attention import cross_of
from zeroov.progress import Progress
from zeroov.types import Bool, Float32

log = logging.getLogger("zeroov")
READING = 100  # reading a sample's maps takes as long as so many settings
WORTH_A_PROCESS = 25_000  # settings of samples: their work takes as long as a process does to start


@dataclass(frozen=True, eq=False)
class Case:
    """A record and the files of its maps: the Overview's, and for each choice of Focus that one's."""

    record: Record
    overview: Path | None
    focuses: Mapping[str, Path | None]


Part = tuple[Sequence[Case], Sequence[Setting], MaskRule | None]
Measured = tuple[Floats, Floats, Floats, Bool]
Numbered = tuple[int, Setting]
Groups = list[list[Numbered]]  # numbered settings that share a step
Value = TypeVar("Value")


def measure(
    cases: Sequence[Case], settings: Sequence[Setting], rule: MaskRule | None, jobs: int, progress: Progress
) -> Measured:
    """Return for every setting and case the mask's box, its overlap with the truth under `rule`, and two peaks.

    `sweep.Swept` says what these arrays hold. Last comes for each case whether dumps of it are lost.
    """
    worth = 1 + len(cases) * (READING + len(settings)) // WORTH_A_PROCESS
    jobs = min(jobs or min(os.cpu_count() or 1, worth), len(cases))
    step = max(1, min(64, math.ceil(len(cases) / jobs)))
    parts = [(cases[start : start + step], settings, rule) for start in range(0, len(cases), step)]
    measured = []
    progress.report("ablate", 0, len(cases))
    for done, part in enumerate(_mapped(parts, jobs), start=1):
        measured.append(part)
        progress.report("ablate", min(done * step, len(cases)), len(cases))
    boxes, pairs, peaks, lost = zip(*measured, strict=True)
    return np.concatenate(boxes, 1), np.concatenate(pairs, 1), np.concatenate(peaks, 1), np.concatenate(lost)


def _mapped(parts: Sequence[Part], jobs: int) -> Iterator[Measured]:
    if jobs == 1:
        yield from map(_measure, parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_measure, parts)


def _measure(part: Part) -> Measured:
    cases, settings, rule = part
    boxes = np.full((len(settings), len(cases), 4), np.nan)
    pairs = np.zeros((len(settings), len(cases), 2))
    peaks = np.full((len(settings), len(cases), 4), np.nan)
    lost = np.zeros(len(cases), dtype=np.bool_)
    combined = _grouped(enumerate(settings), _combination)
    tree = [[_grouped(fused, _growth) for fused in _grouped(group, _fusion)] for group in combined]
    for column, case in enumerate(cases):
        record, truth = case.record, None
        if rule and record.truth_mask:
            to_hw = fitted_hw(record.hw, rule.frame, rule.side)
            truth = frames.resize_mask(decode_rle(record.truth_mask), to_hw)
            area = np.count_nonzero(truth)
            pairs[:, column, 1] = area
        cut = np.zeros(len(settings), dtype=np.bool_)
        for numbers, points, masks in _cut(case, tree):
            cut[numbers] = True
            peaks[numbers, column] = points
            for rows, mask in masks:
                box = frames.mask_to_box(mask)
                if box is None:
                    continue
                boxes[rows, column] = box.xyxy
                if truth is not None:
                    x0, y0, x1, y1 = map(int, box.xyxy)
                    own = to_hw == record.hw  # then nothing is set outside the box
                    ours = mask[y0:y1, x0:x1] if own else frames.resize_mask(mask, to_hw)
                    shared = np.count_nonzero(ours & (truth[y0:y1, x0:x1] if own else truth))
                    pairs[rows, column] = shared, np.count_nonzero(ours) + area - shared
        lost[column] = record.status != "failed" and not cut.all()
    return boxes, pairs, peaks, lost


Masks = Iterator[tuple[list[int], Bool]]


def _cut(case: Case, tree: Sequence[Sequence[Groups]]) -> Iterator[tuple[list[int], list[float], Masks]]:
    """Yield for every fused map the numbers of its settings, the two peaks, and their masks.

    Settings whose maps cannot be read are left out.
    """
    look, hw = _read(case.overview, to_overview), case.record.hw
    if look is None:
        return
    read = {choice: _read(file, to_affinity) for choice, file in case.focuses.items()}
    affinities = {choice: affinity for choice, affinity in read.items() if affinity}
    matrices = {choice: affinity.matrix.astype(np.float32) for choice, affinity in affinities.items()}
    for combined in tree:
        recipe = combined[0][0][0][1].recipe
        try:
            cross = cross_of(look, recipe.overview, case.record.expression)
        except ValueError as error:
            raise UsageError(
                f"{error}; to vary layers, make the run with --set overview.capture=all; for a folder of dumps, name "
                "the recipe that made them: --recipe, --set"
            ) from error
        for groups in combined:
            setting = groups[0][0][1]
            tied, official = "focus" in setting.recipe.stages, setting.recipe.evolve.official
            if tied and setting.focus not in matrices:
                continue
            grid = affinities[setting.focus].grid_hw if tied else (setting.recipe.focus.working_grid,) * 2
            on_grid = to_grid(cross, grid, official=official)
            fused = fuse(on_grid, matrices[setting.focus]) if tied else frames.min_max(on_grid)
            numbers = [number for group in groups for number, _ in group]
            yield numbers, [*_peak(cross, hw), *_peak(fused, hw)], _masks(groups, on_grid, fused, hw)


def _masks(groups: Groups, on_grid: Float32, fused: Float32, hw: tuple[int, int]) -> Masks:
    """Yield the masks (H, W) of one fused map, each with its settings; many a k and tau grow the same region."""
    regions: dict[tuple[bytes, int], tuple[Bool, dict[float, list[int]]]] = {}
    for group in groups:
        evolve, grows = group[0][1].recipe.evolve, "evolve" in group[0][1].recipe.stages
        region = grow(fused, on_grid, evolve.k, evolve.tau) if grows else np.ones(fused.shape, dtype=np.bool_)
        _, alphas = regions.setdefault((region.tobytes(), evolve.canvas), (region, {}))
        for number, setting in group:
            alphas.setdefault(setting.recipe.evolve.alpha, []).append(number)
    for (_, canvas), (region, alphas) in regions.items():
        resized = None if canvas else frames.resize_map(np.where(region, fused, 0), hw)  # once for all alphas
        for alpha, numbers in alphas.items():
            yield numbers, binarise(fused, region, hw, alpha, canvas) if resized is None else resized > alpha


def _peak(values: Float32, hw: tuple[int, int]) -> tuple[float, float]:
    """Return the centre (x, y) of a map's maximal cell in pixels of the image; NaN where the map is constant."""
    if values.max() <= values.min():
        return math.nan, math.nan
    return frames.peak_xy(values, np.ones(values.shape, dtype=np.bool_), hw)


def _read(file: Path | None, made: Callable[[Dump], Value]) -> Value | None:
    try:
        return made(read_dump(file)) if file else None
    except DumpError as error:
        log.warning("%s", error)
        return None


def _combination(setting: Setting) -> Any:
    look = setting.recipe.overview
    return look.layers, look.weights, look.position


def _fusion(setting: Setting) -> Any:
    return setting.recipe.evolve.official, "focus" in setting.recipe.stages, setting.focus


def _growth(setting: Setting) -> Any:
    evolve = setting.recipe.evolve
    return evolve.k, evolve.tau, "evolve" in setting.recipe.stages, evolve.canvas


def _grouped(settings: Iterable[Numbered], key: Callable[[Setting], Any]) -> Groups:
    groups: dict[Any, list[Numbered]] = {}
    for number, setting in settings:
        groups.setdefault(key(setting), []).append((number, setting))
    return list(groups.values())
