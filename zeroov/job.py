"""One sample on its way through the stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from zeroov import frames
from zeroov.overview.answer import says_absent
from zeroov.recipe import Recipe
from zeroov.types import Affinity, Bool, Box, Evolved, Grounding, Overview, Picture, Refined, StageReport


@dataclass
class Job:
    """A picture, an expression, what each stage has made of them so far, and the keys of its dumps."""

    picture: Picture
    expression: str
    reports: dict[str, StageReport] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

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
        picture = {"digest": self.picture.digest, "source": source, "hw": list(self.picture.hw)}
        return {"picture": picture, "expression": self.expression}

    def result(self, recipe: Recipe) -> Grounding:
        """Return the answer; one that scores below the recipe's `min_score` is empty, and keeps its score."""
        mask, box = self.refined_or_coarse()
        believed = score(self.overview, box)
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
