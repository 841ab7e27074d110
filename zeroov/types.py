"""The frozen values that cross a stage's border.

Boxes are half-open xyxy in pixels of the image the user gave. Arrays are NumPy, indexed (row, column).
"Nothing found" is a value of its own: a `None` box and an all-false mask, never zeros.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import PictureError, UsageError

Bool = NDArray[np.bool_]
Float16 = NDArray[np.float16]
Float32 = NDArray[np.float32]
Uint8 = NDArray[np.uint8]
Status = Literal["found", "empty"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


class Window(NamedTuple):
    """A part of a scene: x0 <= x < x1, y0 <= y < y1 in whole pixels of the scene."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels of the scene."""
        return self.y1 - self.y0, self.x1 - self.x0


@dataclass(frozen=True, eq=False)
class Picture:
    """An image ready to be grounded: `rgb` is uint8 (H, W, 3); `source` says where it came from.

    `valid` is bool (H, W), or `None` where every pixel is valid: neither nodata, transparent, NaN nor damaged. `part`
    is what the picture shows of its scene, in pixels of the scene, of which it may be a reduced copy; `None`: it is the
    scene itself. `origin_xy` is the upper left pixel of a scene that is itself a part of the file's.
    """

    rgb: Uint8
    source: str = "array"
    crs: str | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    valid: Bool | None = None
    part: Window | None = None
    origin_xy: tuple[int, int] = (0, 0)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or 0 in self.rgb.shape:
            raise PictureError(
                f"a picture is a uint8 array of shape (height, width, 3), got {self.rgb.dtype} {self.rgb.shape}; "
                "open the file with zeroov.open_picture, which converts every other kind"
            )
        digest = hashlib.sha256(repr(self.rgb.shape).encode())
        digest.update(np.ascontiguousarray(self.rgb).data)
        object.__setattr__(self, "digest", digest.hexdigest())
        if self.valid is not None:
            _require(self.valid.shape == self.hw, f"`valid` has the picture's size {self.hw}, got {self.valid.shape}")

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.rgb.shape[0]), int(self.rgb.shape[1])

    @property
    def window(self) -> Window:
        """What the picture shows, in pixels of its scene."""
        return self.part or Window(0, 0, self.hw[1], self.hw[0])

    @property
    def file_window(self) -> Window:
        """What the picture shows, in pixels of the whole file."""
        (x, y), (x0, y0, x1, y1) = self.origin_xy, self.window
        return Window(x0 + x, y0 + y, x1 + x, y1 + y)


@dataclass(frozen=True)
class Box:
    """A half-open box in image pixels: x0 <= x < x1, y0 <= y < y1, with an area above zero."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        _require(all(map(math.isfinite, self.xyxy)), f"a box needs finite corners, got {self.xyxy}")
        _require(self.x1 > self.x0 and self.y1 > self.y0, f"a box needs x1 > x0 and y1 > y0, got {self.xyxy}")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """The four corners (x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1


@dataclass(frozen=True, eq=False)
class Overview:
    """Where the language model looked while it answered.

    `layers` is float32 (L, rows, cols), the attention of the answer steps over the image tokens, mean over heads and
    steps, for the layers numbered in `layer_numbers` (0-based). `answer_box` is the box in the answer, mapped to image
    pixels. `confidence` is the geometric mean of the probabilities of the answer's tokens, in [0, 1]. The model has
    `depth` layers; 0: not known, of older dumps. `heads` (L, heads, 2), where all layers are read: the attention
    sum and the spatial entropy of each head.
    """

    layers: Float32
    layer_numbers: tuple[int, ...]
    answer: str
    answer_box: Box | None
    confidence: float
    resized_hw: tuple[int, int]
    steps: int
    model: str
    revision: str
    depth: int = 0
    heads: Float32 | None = None

    def __post_init__(self) -> None:
        _require(
            self.layers.ndim == 3 and len(self.layers) == len(self.layer_numbers) > 0,
            f"layers must be (L, rows, cols) with one number each, got {self.layers.shape} for {self.layer_numbers}",
        )
        _require(bool(np.isfinite(self.layers).all()), "attention maps must be finite")


@dataclass(frozen=True, eq=False)
class Affinity:
    """Which cells of the working grid belong together: `matrix` float16 (n, n), row = query cell.

    Rows sum to 1, except under the official code's `flattened` pooling, which does not renormalise what it scrambles.
    """

    matrix: Float16
    grid_hw: tuple[int, int]
    method: str
    model: str
    revision: str

    def __post_init__(self) -> None:
        n = self.grid_hw[0] * self.grid_hw[1]
        _require(self.matrix.shape == (n, n), f"a {self.grid_hw} grid needs ({n}, {n}), got {self.matrix.shape}")


@dataclass(frozen=True, eq=False)
class Evolved:
    """The fused map and what grew in it.

    `cross_on_grid` and `fused` are float32 (rows, cols) in [0, 1]; `region` and `seeds` are bool of that shape;
    `mask` is bool (H, W) of the image; `box` its tight box, or `None` when the mask is empty.
    """

    cross_on_grid: Float32
    fused: Float32
    region: Bool
    seeds: Bool
    mask: Bool
    box: Box | None


@dataclass(frozen=True, eq=False)
class Refined:
    """What Segment Anything made of a box: bool (H, W) mask, its tight box or `None`, and SAM's own predicted IoU.

    `object_score` (0 to 1) is how sure the model is that there is an object at all; `None` of models that do not say.
    """

    mask: Bool
    box: Box | None
    predicted_iou: float
    object_score: float | None = None


@dataclass(frozen=True)
class Candidate:
    """Something that may be meant: its box in scene pixels, and how far the look that saw it can be believed."""

    box: Box
    score: float
    whole: bool = True
    """The look showed all of it, and nothing else with it."""
    sources: tuple[str, ...] = ()
    """Who saw it."""


Boxes = Sequence[tuple[Box, float]]
"""Boxes, each with a score in [0, 1]."""


@dataclass(frozen=True)
class Listing:
    """Every object of a kind that a model saw in a picture: boxes in its pixels, and a score in [0, 1] for each.

    `answer` is the model's own words; a detector has none.
    """

    boxes: tuple[Box, ...]
    scores: tuple[float, ...]
    answer: str
    model: str
    revision: str

    def __post_init__(self) -> None:
        _require(len(self.boxes) == len(self.scores), f"{len(self.boxes)} boxes, {len(self.scores)} scores")


@dataclass(frozen=True)
class Choice:
    """Which of several candidates is meant, and why.

    `values` and each row of `factors` hold one number for each candidate, the highest for the one that is meant.
    `skipped` says why a factor was left out; `group` are the members where several are meant at once. `decisive` is the
    factor, with its exponent, that sets the best candidate most apart from the next; "" where it is the score.
    """

    values: tuple[float, ...]
    factors: Mapping[str, tuple[float, ...]]
    order: tuple[int, ...]
    undecided: bool
    margin: float
    skipped: Mapping[str, str] = field(default_factory=dict)
    group: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    decisive: str = ""


@dataclass(frozen=True, eq=False)
class Anchor:
    """The candidates for the `part`th other object of the `relation`th relation of a phrase, both from 0."""

    relation: int
    candidates: tuple[Candidate, ...]
    part: int = 0
    asked: bool = True
    """It was looked for; without candidates, nobody saw it."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Who may be meant in a picture, and what is known of them before the rules are applied.

    `kind` is what the sources were asked for; `listed` says that one that lists whole kinds saw any. `extra` are
    factors from models, one number for each candidate. `asked` are the questions that were put to the models beside:
    "anchors", "attributes", "marks".
    """

    kind: str
    candidates: tuple[Candidate, ...]
    listed: bool
    anchors: tuple[Anchor, ...] = ()
    extra: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Selection:
    """Who may be meant in a picture, and which one it is."""

    pool: Pool
    choice: Choice

    @property
    def meant(self) -> tuple[int, ...]:
        """The places of what is meant: one, or the members of a group; none where nobody saw anything."""
        return self.choice.group or self.choice.order[:1]

    @property
    def chosen(self) -> tuple[Candidate, ...]:
        """The candidates that are meant."""
        return tuple(self.pool.candidates[at] for at in self.meant)

    @property
    def belief(self) -> float:
        """How far it can be believed that the best one is there at all, in [0, 1]: its score, and what crops show.

        The other rules compare candidates, and say nothing of that.
        """
        return self.belief_in(self.choice.order[0]) if self.choice.order else 0.0

    def belief_in(self, at: int) -> float:
        """Return how far it can be believed that some candidate is there at all, in [0, 1]."""
        shown = [self.pool.extra[name][at] for name in ("kinds", "attributes") if name in self.pool.extra]
        return min(1.0, math.sqrt(max(0.0, self.pool.candidates[at].score)) * math.prod(shown))


TileStatus = Literal["looked", "nodata", "failed", "stopped"]


@dataclass(frozen=True)
class Tile:
    """What became of a window of a scene: it was looked at, holds next to no valid pixel, or could not be looked at.

    It is "stopped" where the search was stopped before it.
    """

    window: Window
    status: TileStatus
    reason: str = ""


LONGEST_EXPRESSION = 20_000


def clean_expression(text: str) -> str:
    """Return `text` without control characters, its white space as single blanks; refuse what describes nothing.

    Marks that only steer the direction of writing go too; joiners, which letters and emoji need, stay.
    """
    if not isinstance(text, str):
        raise UsageError(f"an expression is text, got a {type(text).__name__}")
    steering = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") or c in steering else c for c in text)
    cleaned = " ".join(cleaned.split())
    if not cleaned:
        raise UsageError('the expression is empty; describe the object, e.g. "the white plane on the lower right"')
    if len(cleaned) > LONGEST_EXPRESSION:
        raise UsageError(
            f"the expression has {len(cleaned)} characters, at most {LONGEST_EXPRESSION} are read; describe one object"
        )
    return cleaned
