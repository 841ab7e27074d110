"""One sample on its way through the stages."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from zeroov import frames
from zeroov.overview.answer import says_absent
from zeroov.recipe import Recipe, ZoomRecipe
from zeroov.types import Affinity, Bool, Box, Evolved, Grounding, Look, Overview, Picture, Refined, StageReport, Window
from zeroov.zoom.merge import Merge, agreement, merged_box, part_near


@dataclass(eq=False)
class Job:
    """A picture, an expression, what each stage has made of them so far, and the keys of its dumps.

    A closer look is a job of its own, on the `window` (x0, y0, x1, y1) of the picture of the first look, whose `near`
    says in its own pixels where the look before saw the object. `parts` are the looks of the recipe's pyramid.
    """

    picture: Picture
    expression: str
    reports: dict[str, StageReport] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    window: Window | None = None
    near: Box | None = None
    closer: Job | None = None
    parts: list[tuple[Job, Window]] = field(default_factory=list)

    @property
    def overview(self) -> Overview:
        """What Overview made; it has run."""
        return cast("Overview", self.reports["overview"].value)

    @property
    def affinity(self) -> Affinity | None:
        """What Focus made, or `None` where the recipe has no Focus."""
        report = self.reports.get("focus")
        return cast("Affinity", report.value) if report else None

    @property
    def evolved(self) -> Evolved | None:
        """What Evolve made, or `None` where the recipe has no maps."""
        report = self.reports.get("evolve")
        return cast("Evolved", report.value) if report else None

    @property
    def refined(self) -> Refined | None:
        """What Refine made, or `None` where it has not run: there was nothing to refine, or no such stage."""
        report = self.reports.get("refine")
        return cast("Refined", report.value) if report else None

    def coarse(self) -> tuple[Bool, Box | None]:
        """Return the mask and box before Refine: Evolve's, or, in a recipe without maps, the answer's own box."""
        if self.evolved and self.near:
            mask = part_near(self.evolved.mask, self.near)
            return mask, frames.mask_to_box(mask)
        if self.evolved:
            return self.evolved.mask, self.evolved.box
        box, hw = self.overview.answer_box, self.picture.hw
        mask = frames.box_to_mask(box, hw) if box else np.zeros(hw, dtype=np.bool_)
        return mask, box if mask.any() else None

    def refined_or_coarse(self) -> tuple[Bool, Box | None]:
        """Return SAM's mask and box where it drew one, else those before it."""
        return (self.refined.mask, self.refined.box) if self.refined and self.refined.box else self.coarse()

    def about(self) -> dict[str, Any]:
        """Return what a dump says of its sample."""
        source = self.picture.source
        file = Path(source).expanduser()
        source = str(file.absolute()) if file.is_file() else source  # found again from any folder
        picture: dict[str, Any] = {"digest": self.picture.digest, "source": source, "hw": list(self.picture.hw)}
        if self.window:
            picture["window"] = list(self.window)
        return {"picture": picture, "expression": self.expression}

    def chain(self) -> list[Job]:
        """Return the looks, the first one first."""
        return [self, *(self.closer.chain() if self.closer else [])]

    def agreement(self) -> float:
        """Return how far this closer look found what the look before saw; 0 where it says that it is not there."""
        box = self.coarse()[1]
        if self.near is None or box is None or says_absent(self.overview.answer):
            return 0.0
        return agreement(self.near, box)

    def believed(self, least: float) -> list[Job]:
        """Return the looks up to the first whose agreement is below `least`; the first look is always believed."""
        return [self, *itertools.takewhile(lambda look: look.agreement() >= least, self.chain()[1:])]

    def to_refine(self, recipe: ZoomRecipe) -> list[Job]:
        """Return the looks that Refine is to draw: the last believed one, and the first where both are merged."""
        looks = self.believed(recipe.agreement)
        return looks[-1:] if recipe.merge == "refined" else list(dict.fromkeys((looks[0], looks[-1])))

    def result(self, recipe: Recipe) -> Grounding:
        """Return the answer; one that scores below the recipe's `min_score` is empty, and keeps its score."""
        looks = self.believed(recipe.zoom.agreement)
        mask, box = looks[-1].in_image(self.picture.hw)
        scores = [score(look.overview, look.refined_or_coarse()[1]) for look in (looks[0], looks[-1])]
        if box and len(looks) > 1 and (first := self.refined_or_coarse()[1]):
            box = merged_box(first, box, cast("Merge", recipe.zoom.merge), (scores[0], scores[1]))
        believed = sum(scores) / 2
        if believed < recipe.min_score:
            mask, box = np.zeros_like(mask), None
        return Grounding(
            mask=mask,
            box=box,
            score=believed,
            status="found" if box else "empty",
            answer=self.overview.answer,
            expression=self.expression,
            source=self.picture.source,
            recipe=recipe.name,
            stages=dict(self.reports),
            looks=tuple(look.told(look in looks) for look in self.chain()[1:]),
        )

    def in_image(self, image_hw: frames.HW) -> tuple[Bool, Box | None]:
        """Return the look's mask and box in pixels of the whole image."""
        mask, box = self.refined_or_coarse()
        if self.window is None:
            return mask, box
        x0, y0, x1, y1 = self.window
        whole = np.zeros(image_hw, dtype=np.bool_)
        whole[y0:y1, x0:x1] = mask
        return whole, frames.crop_to_image(box, (x0, y0)) if box else None

    def told(self, believed: bool) -> Look:
        """Return what is told of a closer look."""
        assert self.window is not None
        box = self.refined_or_coarse()[1]
        return Look(
            picture=self.picture,
            window=self.window,
            expression=self.expression,
            box=frames.crop_to_image(box, self.window[:2]) if box else None,
            agreement=self.agreement(),
            believed=believed,
            stages=dict(self.reports),
        )


def score(overview: Overview, box: Box | None) -> float:
    """Return how far the answer can be believed, in [0, 1]; 0 for an empty one.

    The model's confidence in the words of its answer, halved where its own box and the result do not overlap at all:
    two readings of one model, its words and its attention, that agree are better evidence than either. Words that say
    the object is absent count against it by the confidence with which they are said.
    """
    if box is None:
        return 0.0
    if says_absent(overview.answer):
        return float(1 - overview.confidence) / 2
    agreement = frames.box_iou(overview.answer_box, box) if overview.answer_box else 0.0
    return float(overview.confidence * (1 + agreement) / 2)
