"""The samples that a run answered worst and best, with a picture of every stage. It imports matplotlib."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zeroov.bench.data.files import contained
from zeroov.bench.runs.records import Corners, Reading, Record, Rle, Run
from zeroov.bench.scoring.overlaps import Overlaps, box_of
from zeroov.bench.scoring.protocols import Target
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.sweep import recipe_of
from zeroov.dumps import read_dump
from zeroov.dumps.values import to_affinity, to_overview
from zeroov.errors import PictureError, ZeroovError
from zeroov.look import Cost, Look, Outline, Question
from zeroov.outputs.rle import decode_rle
from zeroov.overview.answer import says_absent
from zeroov.pipeline.attention import attention_map, evolve_as
from zeroov.raster.scene import open_picture
from zeroov.recipe import Recipe
from zeroov.show.panel import draw_stages
from zeroov.types import Bool, Box, Picture

log = logging.getLogger("zeroov")

QUALITIES = (80, 60, 40, 20)  # of JPEG
MOST_BYTES = 40_000  # of one picture


@dataclass(frozen=True)
class Shown:
    """A picture: its title, its caption and its JPEG."""

    title: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True)
class Case:
    """A sample with its overlaps by target, its pictures in the order of the stages, and why some are missing."""

    record: Record
    ious: dict[Target, float]
    pictures: tuple[Shown, ...]
    missing: str


@dataclass(frozen=True)
class Ranked:
    """A record and its IoU by target; `target` is the one by which samples are ordered."""

    record: Record
    ious: dict[Target, float]


def ranked(run: Run, counts: Mapping[Target, Overlaps]) -> tuple[Target, list[Ranked]]:
    """Return the samples that did not fail, the worst first, and by what: masks where there are any, else boxes.

    Of samples that are equally wrong, that which was answered with the highest score is first.
    """
    found: dict[Target, dict[int, float]] = {
        target: dict(zip(counted.positions.tolist(), counted.ious.tolist(), strict=True))
        for target, counted in counts.items()
        if target != "point"
    }
    by: Target = "mask" if "mask" in found else "box"
    places = [place for place in found.get(by, {}) if run.records[place].status != "failed"]
    places.sort(key=lambda place: (found[by][place], -run.records[place].score))
    return by, [
        Ranked(run.records[place], {target: ious[place] for target, ious in found.items() if place in ious})
        for place in places
    ]


def ends(samples: Sequence[Ranked], count: int) -> tuple[list[Ranked], list[Ranked]]:
    """Return so many of the worst and so many of the best, the best first; none is in both."""
    worst = list(samples[: min(count, (len(samples) + 1) // 2)])
    best = list(reversed(samples[len(worst) :]))[:count]
    return worst, best


class Pictures:
    """Draws the stages of a run's samples, from its images and its maps."""

    def __init__(self, run: Run, root: Path | None, maps: Maps, reading: Reading):
        self.root, self._maps, self._reading = root, maps, reading
        self._recipe = self._recipe_of(run)

    @staticmethod
    def _recipe_of(run: Run) -> Recipe | None:
        try:
            return recipe_of(run)
        except ZeroovError as error:
            log.warning("the stages are not drawn: %s", error)
            return None

    def case(self, sample: Ranked) -> Case:
        """Return a sample with its pictures: all stages where its maps are there, else the truth and the answer."""
        record = sample.record
        try:
            picture = self._picture(record)
        except (PictureError, ValueError) as error:
            return Case(record, sample.ious, (), f"its image cannot be drawn: {error}")
        look, missing = self._look(record, picture)
        outlines = {"Truth": _outline(record.truth_box, record.truth_mask, picture)}
        if not look and self._reading == "final" and (record.coarse_box or record.coarse_mask):
            outlines["Before Refine"] = _outline(record.coarse_box, record.coarse_mask, picture)
        outlines["Answer"] = _outline(*record.read(self._reading), picture)
        shown = (Shown(each.title, each.caption, small_jpeg(each.png)) for each in draw_stages(picture, look, outlines))
        return Case(record, sample.ious, tuple(shown), missing)

    def _picture(self, record: Record) -> Picture:
        if self.root is None:
            raise PictureError("the run does not know where its data set is; add --root")
        picture = open_picture(self.root / contained(record.image))
        if picture.hw != record.hw:
            raise PictureError(f"`{record.image}` is not of the size that it had when it was asked")
        return picture

    def _look(self, record: Record, picture: Picture) -> tuple[Look | None, str]:
        """Return what the stages made of a sample, from its maps; or why it is not known."""
        recipe = self._recipe
        if recipe is None or recipe.overview.pyramid:
            return None, "the stages of such a run are not drawn again" if recipe else ""
        path = self._maps.path("overview", record.dumps.get("overview", ""))
        tied = self._maps.path("focus", record.dumps.get("focus", ""))
        if path is None or ("focus" in record.dumps and tied is None):
            return None, "its maps are not there; --dumps names where they are"
        try:
            overview = to_overview(read_dump(path))
            affinity = to_affinity(read_dump(tied)) if tied else None
            question = Question(picture, record.expression)
            attention = attention_map(question, overview, (), recipe)
            evolved = None
            if {"focus", "evolve"} & set(recipe.stages):
                evolved = evolve_as(recipe, attention, affinity, picture.hw)
        except (ZeroovError, ValueError) as error:
            return None, f"its stages cannot be drawn: {error}"
        costs = {stage: Cost(seconds) for stage, seconds in record.seconds.items()}
        absent = says_absent(overview.answer)
        look = Look(question, overview, absent, attention, affinity, evolved, costs=costs)  # type: ignore[arg-type]
        return look, ""


def _outline(box: Corners | None, mask: Rle | None, picture: Picture) -> Outline:
    """Return a box and a mask, either of which may be missing, as an outline in pixels of the picture."""
    pixels: Bool = decode_rle(mask) if mask else np.zeros(picture.hw, np.bool_)
    corners = box_of(box, mask)
    if corners is None or corners[2] <= corners[0] or corners[3] <= corners[1]:
        return Outline(pixels, None)
    return Outline(pixels, Box(*corners))


def small_jpeg(png: bytes) -> bytes:
    """Return a small JPEG of a PNG: of the quality at which it takes no more than `MOST_BYTES`, else of the lowest."""
    with Image.open(io.BytesIO(png)) as image:
        rgb = image.convert("RGB")
    for encoded in _encoded(rgb):
        if len(encoded) <= MOST_BYTES:
            break
    return encoded


def _encoded(rgb: Image.Image) -> Iterator[bytes]:
    for quality in QUALITIES:
        buffer = io.BytesIO()
        rgb.save(buffer, "JPEG", quality=quality, subsampling=0)  # thin lines keep their colour
        yield buffer.getvalue()
