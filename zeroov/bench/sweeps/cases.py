"""What an analysis goes over: truths with the dumps that were made of their images and expressions."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from zeroov import frames
from zeroov.bench.data.sample import mask_overlap
from zeroov.bench.sweeps.truths import Truth
from zeroov.dumps import Dump, DumpStore, differing, fitting, focus_index, overview_settings, partner, read_dump
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import DatasetError, DumpError, UsageError
from zeroov.evolve import fuse, to_grid
from zeroov.outputs.rle import decode_rle
from zeroov.recipe import EvolveRecipe, Recipe
from zeroov.types import Bool, Box, Float32, Overview

log = logging.getLogger("zeroov")
Tell = Callable[[int, int], None] | None


@dataclass(frozen=True, eq=False)
class Case:
    """A truth with the headers of its dumps; `focuses` are all that serve it."""

    truth: Truth
    overview: Dump
    focuses: tuple[Dump, ...]

    @property
    def hw(self) -> tuple[int, int]:
        """The image's height and width in pixels."""
        height, width = self.overview.about["picture"]["hw"]
        return int(height), int(width)

    def target(self) -> tuple[Box, Bool | None]:
        """Return the true box, the mask's own where none is given, and the true mask (H, W), if there is one."""
        mask = decode_rle(self.truth.rle) if self.truth.rle else None
        if mask is not None and mask.shape != self.hw:
            raise DatasetError(f"{self.truth.where}: a mask of {mask.shape} pixels for an image of {self.hw}")
        box = self.truth.box or (frames.mask_to_box(mask) if mask is not None else None)
        if box is None:
            raise DatasetError(f"{self.truth.where}: the mask is empty and there is no box; leave both out instead")
        return box, mask


@dataclass(frozen=True, eq=False)
class Matched:
    """The cases; how many truths lack the dumps that the recipe's stages need; how many say the object is absent."""

    cases: tuple[Case, ...]
    without_dumps: int
    absent: int


def choose_focus(cases: Sequence[Case], recipe: Recipe) -> list[Dump | None]:
    """Return each case's Focus dump: the one that its truth names, else the recipe's; `None` without that stage."""
    if "focus" not in recipe.stages:
        return [None] * len(cases)
    chosen: list[Dump | None] = []
    others: set[str] = set()
    for case in cases:
        key = case.truth.keys.get("focus")
        named = [dump for dump in case.focuses if key and key in (dump.key, _made_from(dump))]
        dump, differences = (named[0], []) if named else partner(case.overview, case.focuses, recipe)
        chosen.append(dump)
        others |= set(differences)
    if others:
        log.warning(
            "focus dumps were not made as recipe `%s` says (%s); they are used as they are",
            recipe.name,
            ", ".join(sorted(others)),
        )
    return chosen


def _made_from(dump: Dump) -> str | None:
    """Return the key of the dump that a quantised one was made from."""
    key: str | None = dump.about.get("quantised", {}).get("made_from")
    return key


def match(truths: Sequence[Truth], maps: DumpStore, recipe: Recipe) -> Matched:
    """Find each truth's dumps: by the keys that it names, else by the image's digest or name and the expression."""
    overviews = list(maps.all("overview", headers_only=True))
    if not overviews:
        raise DumpError(
            f"`{maps.folder}` holds no overview dumps; make some with `zeroov ground --dumps {maps.folder}`"
        )
    by_key = {dump.key: dump for dump in overviews}
    find = _finder(overviews)
    focuses = focus_index(maps)
    cases: list[Case] = []
    without = absent = 0
    for truth in truths:
        if truth.box is None and truth.rle is None:
            absent += 1
            continue
        found = by_key.get(truth.keys.get("overview", "")) or _chosen(find(truth), recipe, truth)
        served = fitting(found, focuses.get(found.about["picture"]["digest"], [])) if found else []
        if found and (served or "focus" not in recipe.stages):
            cases.append(Case(truth, found, tuple(served)))
        else:
            without += 1
    if not cases:
        raise DumpError(
            f"none of {len(truths)} truths has dumps in `{maps.folder}`: {absent} without box and mask, {without} of "
            "whose image and expression there is not what the recipe's stages need; see `zeroov dumps ls`"
        )
    return Matched(tuple(cases), without, absent)


def _finder(overviews: Sequence[Dump]) -> Callable[[Truth], list[Dump]]:
    """Return what finds the Overview dumps of a truth by its image and expression."""
    by_name: dict[tuple[str, str], list[Dump]] = defaultdict(list)
    for dump in overviews:
        picture, expression = dump.about["picture"], dump.about["expression"]
        for name in (picture["digest"], PurePath(picture["source"]).name):
            by_name[name, expression].append(dump)

    def find(truth: Truth) -> list[Dump]:
        parts = PurePath(truth.image).parts
        found = by_name.get((truth.image, truth.expression)) or [
            dump
            for dump in by_name.get((parts[-1] if parts else "", truth.expression), [])
            if PurePath(dump.about["picture"]["source"]).parts[-len(parts) :] == parts
        ]
        if len({dump.about["picture"]["digest"] for dump in found}) > 1:
            raise UsageError(
                f"{truth.where}: dumps of several pictures are named `{truth.image}`; give more of its path, "
                "or the picture's digest"
            )
        return found

    return find


def _chosen(found: Sequence[Dump], recipe: Recipe, truth: Truth) -> Dump | None:
    """Return the one that the recipe makes, else the one with the most layers."""
    wanted = overview_settings(recipe.overview, "", "")
    found = [dump for dump in found if not differing(dump.about["settings"], wanted)] or found
    most = max((len(dump.about["layer_numbers"]) for dump in found), default=0)
    found = [dump for dump in found if len(dump.about["layer_numbers"]) == most]
    if len(found) > 1:
        names = ", ".join(dump.path.name for dump in found)
        raise UsageError(f"{truth.where}: several overview dumps: {names}; --recipe NAME says which")
    return found[0] if found else None


@dataclass(frozen=True, eq=False)
class Sample:
    """A case read: its words, its Overview, its affinity in float32 or `None`, grid, image size, and what is true."""

    expression: str
    overview: Overview
    affinity: Float32 | None
    grid_hw: tuple[int, int]
    hw: tuple[int, int]
    box: Box
    mask: Bool | None

    def fused(self, cross: Float32, recipe: EvolveRecipe) -> tuple[Float32, Float32]:
        """Return W and A_CS of an A_C, as Evolve makes them."""
        on_grid = to_grid(cross, self.grid_hw, official=recipe.official)
        return on_grid, fuse(on_grid, self.affinity) if self.affinity is not None else frames.min_max(on_grid)

    def points(self, values: Float32) -> float:
        """Tell (1 or 0) whether the centre of a map's maximal cell lies in the true box; a constant map has none."""
        if values.max() <= values.min():
            return 0.0
        centres = frames.cell_centres_xy((values.shape[0], values.shape[1]), self.hw)
        x, y = centres.reshape(-1, 2)[int(values.argmax())]
        return float(self.box.x0 <= x < self.box.x1 and self.box.y0 <= y < self.box.y1)

    def overlaps(self, mask: Bool) -> tuple[float, float]:
        """Return the IoU of a mask, NaN without a true one, and that of its tight box."""
        box = frames.mask_to_box(mask)
        box_iou = frames.box_iou(box, self.box) if box else 0.0
        if self.mask is None:
            return float("nan"), box_iou
        shared, union = mask_overlap(mask, self.mask)
        return shared / union, box_iou


def read_samples(
    cases: Sequence[Case], focuses: Sequence[Sequence[Dump | None]], recipe: Recipe, tell: Tell = None
) -> Iterator[list[Sample]]:
    """Yield each case once for each of its Focus dumps; one of which a dump is damaged is told and left out.

    `tell` is told (cases done, cases in all).
    """
    done = 0
    for case, dumps in zip(cases, focuses, strict=True):
        box, mask = case.target()
        try:
            overview = to_overview(read_dump(case.overview.path))
            affinities = [to_affinity(read_dump(dump.path)) if dump else None for dump in dumps]
        except DumpError as error:
            log.warning("%s; its sample is left out", error)
            continue
        finally:
            done += 1
            if tell:
                tell(done, len(cases))
        grid = recipe.focus.working_grid
        yield [
            Sample(
                expression=case.truth.expression,
                overview=overview,
                affinity=affinity.matrix.astype(np.float32) if affinity else None,
                grid_hw=affinity.grid_hw if affinity else (grid, grid),
                hw=case.hw,
                box=box,
                mask=mask,
            )
            for affinity in affinities
        ]
