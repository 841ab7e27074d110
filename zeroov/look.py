"""A question about a picture, and what each stage made of it. A look is a value: it is finished when it exists."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np

from zeroov import frames
from zeroov.progress import Progress
from zeroov.types import Affinity, Bool, Box, Boxes, Evolved, Float32, Overview, Picture, Refined, Selection, Window

DENIED = 0.3  # of the belief in a chosen candidate, where the model's answer says that there is none
Stage = Literal["overview", "focus", "evolve", "select", "refine"]
Origin = Literal["computed", "memory", "dump"]


@dataclass(frozen=True)
class Cost:
    """What a stage took: wall seconds, peak memory in bytes (`None` unknown), and where its value came from.

    `seconds` is one question's share of its batch; for a dump or memory, of the batch that made it. `load_seconds` is
    above 0 where the model was loaded for it.
    """

    seconds: float
    peak_bytes: int | None = None
    load_seconds: float = 0.0
    origin: Origin = "computed"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "seconds": round(self.seconds, 4),
            "load_seconds": round(self.load_seconds, 4),
            "peak_bytes": self.peak_bytes,
            "from_dump": self.origin == "dump",
        }


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a picture. `near` says where an earlier look saw the object, in pixels of this picture.

    `placed`: the expression's words of place speak of this picture, and nobody else weighs them, as a search does.
    `given` is an answer that somebody else has: its attention is read, and nothing is decoded.
    """

    picture: Picture
    expression: str
    near: Box | None = None
    placed: bool = True
    given: str | None = None


class Outline(NamedTuple):
    """An object in a picture: bool mask (H, W), and its box or `None` where nothing is set."""

    mask: Bool
    box: Box | None


@dataclass(frozen=True, eq=False)
class Look:
    """One question, and what each stage made of it; everything is in pixels of the question's picture.

    `attention` is A_C (rows, cols) as Evolve takes it. `affinity`, `evolved`, `selection` and `refined` are `None`
    where the recipe has no such stage; the last two also where that was not done yet. `costs` and `keys`, those of the
    dumps, are by stage.
    """

    question: Question
    overview: Overview
    says_absent: bool
    attention: Float32
    affinity: Affinity | None = None
    evolved: Evolved | None = None
    selection: Selection | None = None
    refined: Refined | None = None
    costs: Mapping[Stage, Cost] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def picture(self) -> Picture:
        """The picture that was looked at."""
        return self.question.picture

    @functools.cached_property
    def coarse(self) -> Outline:
        """The outline before Refine: Evolve's, or, in a recipe without maps, the answer's own box.

        Where one was chosen among candidates it is the chosen one's box. In a closer look it is the blob beside the
        place where the object was seen before.
        """
        if self.selection and self.selection.chosen:
            return _filled(self.selection.chosen[0].box, self.picture.hw)
        if self.evolved and self.question.near:
            mask = blob_near(self.evolved.mask, self.question.near)
            return Outline(mask, frames.mask_to_box(mask))
        if self.evolved:
            return Outline(self.evolved.mask, self.evolved.box)
        return _filled(self.overview.answer_box, self.picture.hw)

    @property
    def drawn(self) -> Outline:
        """The outline as Segment Anything drew it, or, where it drew nothing, the one before."""
        return Outline(self.refined.mask, self.refined.box) if self.refined and self.refined.box else self.coarse

    @property
    def agreement(self) -> float:
        """How far a closer look found what the look before saw; 0 where it says that the object is not there."""
        near, box = self.question.near, self.coarse.box
        return 0.0 if near is None or box is None or self.says_absent else frames.share_of_smaller(near, box)

    def score(self, box: Box | None) -> float:
        """Return how far an answer with this box can be believed, in [0, 1]; 0 for none.

        The model's confidence in the words of its answer, halved where its own box and this one do not overlap at all:
        two readings of one model, its words and its attention, that agree are better evidence than either. Words that
        say the object is absent count against it by the confidence with which they are said. Where one was chosen among
        candidates, the belief that the chosen one is there at all, which such words make less.
        """
        if box is None:
            return 0.0
        if self.selection:
            return self.selection.belief * (DENIED if self.says_absent else 1.0)
        if self.says_absent:
            return float(1 - self.overview.confidence) / 2
        agreement = frames.box_iou(self.overview.answer_box, box) if self.overview.answer_box else 0.0
        return float(self.overview.confidence * (1 + agreement) / 2)


def _filled(box: Box | None, hw: frames.HW) -> Outline:
    mask = frames.box_to_mask(box, hw) if box else np.zeros(hw, dtype=np.bool_)
    return Outline(mask, box if mask.any() else None)


class Readable(Protocol):
    """What windows of a scene are read from: an open scene."""

    @property
    def hw(self) -> frames.HW:
        """Height and width in pixels."""

    def read(self, window: Window | None = None, most: int = 0, *, tolerant: bool = False) -> Picture:
        """Return a window, reduced so that its longer side has at most `most` pixels.

        What is damaged is an error, or, if `tolerant`, not valid.
        """


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search knows of a scene beside the look at the whole of it: its own pixels, and what its tiles showed.

    `lists` holds boxes and scores by kind and source, in pixels of the look's picture.
    """

    scene: Readable
    lists: Mapping[str, Mapping[str, Boxes]]


class Looker(Protocol):
    """All that a closer look and a search know of a pipeline."""

    def look(self, questions: Sequence[Question], progress: Progress = ...) -> list[Look]:
        """Look once at each question's picture: Overview, Focus, Evolve."""

    def glance(self, questions: Sequence[Question], progress: Progress = ...) -> list[Look]:
        """Look once at each question's picture with Overview alone."""

    def kinds(self, expression: str) -> tuple[str, ...]:
        """Return the kind of thing that an expression means, as it is listed, and those of its other objects."""

    def listed(self, questions: Sequence[Question], progress: Progress = ...) -> list[dict[str, Boxes]]:
        """Return what each source that lists sees of each question's kind, its expression, in its picture."""

    def select(self, looks: Sequence[Look], progress: Progress = ..., searched: Sequence[Searched] = ...) -> list[Look]:
        """Choose among the candidates of each look, or, where scenes were searched, among theirs."""

    def refine(self, looks: Sequence[Look], boxes: Sequence[Box | None], progress: Progress = ...) -> list[Look]:
        """Draw the object in each look's box, in pixels of its picture; a box of `None` leaves the look as it is."""

    def name(self, expression: str) -> str:
        """Return the kind of thing that an expression speaks of; "" where it names none."""


def blob_near(mask: Bool, near: Box) -> Bool:
    """Return the blob of a mask that shares most pixels with `near`; the mask itself where none does."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    inside = labels[frames.box_to_mask(near, (mask.shape[0], mask.shape[1]))]
    shared = np.bincount(inside, minlength=count)[1:]
    if not shared.any():
        return mask
    blob: Bool = labels == int(shared.argmax()) + 1
    return blob
