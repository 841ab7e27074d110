"""The curriculum: which scenes and questions at which step, which losses, which learning rate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.training.vlm.data import Plan
from scripts.training.vlm.views import GOING_ON, MIXED, PLAIN, SETTLED
from zeroov.mini.expressions import Form

EASY: dict[Form, float] = {"category": 1, "colour": 2, "position": 0.3, "absent": 0.2}
FULL: dict[Form, float] = {
    **{"category": 1.5, "colour": 2.5, "position": 1, "superlative": 2.5},
    **{"size": 2, "absent": 1, "relation": 2},
}
WEIGHTS = {"kind": 0.7, "colour": 0.5, "side": 0.4, "said": 0.5}


@dataclass(frozen=True)
class Stage:
    """What holds from one step on."""

    start: int
    images: int
    turns: int
    objects: tuple[int, int]
    forms: dict[Form, float] = field(default_factory=dict)
    sigma: float = 4.0
    """Width of the soft number labels in pixels."""
    freeze_vision: bool = False
    weights: dict[str, float] = field(default_factory=dict)
    varied: float = 0.2
    mixed: bool = False
    """Whether the plain world alternates with larger, reduced and cut-out scenes."""
    lists: float = 0.0
    """Share of steps that ask for every object of a kind; the others are then drawn in the views `GOING_ON`."""
    hard: float = 0.0
    """Share of steps on scenes of the hard split."""
    hard_lists: float = 0.0
    """Share of the steps with lists whose scenes are the hard split's; plain steps then have the views `SETTLED`."""
    heads_alone: bool = False
    """Whether the throw-away heads learn alone: they are new where a course goes on from a saved model."""


STAGES = (
    Stage(0, 24, 0, (1, 6)),
    Stage(900, 8, 8, (1, 3), EASY, weights=WEIGHTS, freeze_vision=True),
    Stage(1600, 8, 8, (1, 5), FULL, 3.5, weights=WEIGHTS, freeze_vision=True),
    Stage(3000, 8, 8, (1, 6), FULL, 3.0, weights=WEIGHTS, freeze_vision=True),
    Stage(4500, 8, 8, (2, 6), FULL, 2.2, weights=WEIGHTS),
)
"""The course in one piece: what the shipped model's four schedules, changed by hand, came to (see its card)."""


@dataclass(frozen=True)
class Schedule:
    """Stages, and a learning rate that warms up, holds, and falls linearly to zero at `last`."""

    stages: tuple[Stage, ...] = STAGES
    first: int = 0
    """The step at which the learning rate rises; later than 0 in a course that goes on from another."""
    peak: float = 2e-3
    warm: int = 200
    fall_from: int = 5_000
    last: int = 6_500

    @staticmethod
    def read(path: Path) -> Schedule:
        """Read a schedule from JSON; only what it names departs from the default."""
        data = json.loads(path.read_text(encoding="utf-8"))
        stages = tuple(Stage(**{**s, "objects": tuple(s["objects"])}) for s in data.pop("stages", [])) or STAGES
        return replace(Schedule(stages=stages), **data)

    def stage_at(self, step: int) -> Stage:
        """Return the stage that holds at a step."""
        return [stage for stage in self.stages if stage.start <= step][-1]

    def rate_at(self, step: int) -> float:
        """Return the learning rate at a step."""
        up = min(1.0, (step + 1 - self.first) / self.warm)
        down = min(1.0, max(0.0, (self.last - step) / max(1, self.last - self.fall_from)))
        return self.peak * up * down

    def plans(self) -> list[tuple[int, Plan]]:
        """Return what the data workers need."""
        return [(s.start, _plan(s)) for s in self.stages]


def _plan(stage: Stage) -> Plan:
    views = SETTLED if stage.hard_lists else GOING_ON if stage.lists else MIXED if stage.mixed else PLAIN
    forms = tuple(stage.forms.items())
    course = (stage.images, stage.turns, stage.objects, forms, stage.varied)
    return Plan(*course, views, stage.lists, stage.hard, stage.hard_lists)
