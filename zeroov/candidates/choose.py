"""Of several candidates of one kind, the one that an expression means: what each part of it says, put together.

Every part gives a factor in (0, 1] for each candidate, from the boxes alone; further factors come from models. The
value of a candidate is the product. None is dropped: what the words deny may still be the nearest to what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zeroov.candidates.among import beside_its_kind, closest_together, counted, isolated
from zeroov.candidates.layout import Flags, Layout, Values
from zeroov.candidates.place import at_edge, at_place, beside_middle, cut_off, outermost
from zeroov.candidates.relate import related
from zeroov.candidates.size import by_aspect, by_extent, by_path, by_size
from zeroov.frames import HW
from zeroov.language import words as w
from zeroov.language.phrase import Phrase
from zeroov.recipe import SelectRecipe
from zeroov.types import Anchor, Candidate, Choice

LEAST_SCORE = 1e-6
ALIKE = 1e-9  # between the logarithms of a factor that tells no candidate from another
DENIED = 0.1  # a factor of the best candidate below it is a contradiction
IN_GROUP = 0.5  # of the best value, as at the edge of a place's plateau: it is meant too, where the words mean several
LOOKS_SO = 0.6  # of the best look: what superlatives and ordinals compare
FARTHEST = ("farthest", "furthest")


@dataclass
class _Factors:
    """The factors as they are collected: logarithms for each candidate."""

    logs: dict[str, Values] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    weak: set[str] = field(default_factory=set)
    open: bool = False
    """What would decide is not known."""

    def add(self, name: str, logs: Values | None, reason: str = "") -> None:
        """Keep a factor, or why there is none."""
        if logs is None:
            self.skipped[name] = reason
        else:
            self.logs[name] = logs


def choose(
    candidates: Sequence[Candidate],
    phrase: Phrase,
    hw: HW,
    anchors: Sequence[Anchor] = (),
    extra: Mapping[str, Sequence[float]] | None = None,
    weights: SelectRecipe | None = None,
) -> Choice:
    """Weigh candidates of one kind, in pixels of a picture of size `hw`, by what an expression says of them.

    `anchors` are the candidates for its other objects. `extra` are further factors, in [0, 1] or above, one number for
    each candidate.
    """
    weights = weights or SelectRecipe()
    alive = [position for position, each in enumerate(candidates) if each.score > 0]
    dead = [position for position in range(len(candidates)) if position not in alive]
    if not alive:
        return Choice((0.0,) * len(dead), {}, tuple(dead), undecided=len(dead) > 1, margin=0.0)
    those = [candidates[position] for position in alive]
    given = {name: _logs(np.array(numbers, dtype=np.float64)[alive]) for name, numbers in (extra or {}).items()}
    looks = given.get("attributes", np.zeros(len(those)))
    said = _read(those, phrase, hw, anchors, looks >= looks.max() + np.log(LOOKS_SO))
    said.logs |= given
    telling = {name: logs for name, logs in said.logs.items() if np.ptp(logs) > ALIKE}
    alone = "there is one candidate" if len(those) == 1 else "it is equal for all"
    total = weights.score * np.log(np.maximum([each.score for each in those], LEAST_SCORE))
    for name, logs in telling.items():
        total = total + _weight(weights, name) * logs
    order = sorted(range(len(those)), key=lambda position: -total[position])
    group = _group(phrase, total, order, Layout.of(those, hw))
    margin = _margin(total, order, len(group) or 1)
    is_hint = telling.keys() <= said.weak and len(group) < len(those)
    return Choice(
        values=_spread(np.exp(total), alive, len(candidates), 0.0),
        factors={name: _spread(np.exp(logs), alive, len(candidates), 1.0) for name, logs in telling.items()},
        skipped=said.skipped | dict.fromkeys(said.logs.keys() - telling.keys(), alone),
        order=(*(alive[position] for position in order), *dead),
        group=tuple(alive[position] for position in group),
        undecided=len(those) > 1 and (margin >= weights.margin or said.open or is_hint),
        margin=margin,
        notes=(*said.notes, *_denied(said.logs, order[0])),
        decisive=_decisive({name: _weight(weights, name) * logs for name, logs in telling.items()}, order),
    )


def _logs(numbers: Values) -> Values:
    return np.asarray(np.log(np.maximum(np.nan_to_num(numbers, nan=1.0, posinf=1.0), LEAST_SCORE)))


def _read(those: Sequence[Candidate], phrase: Phrase, hw: HW, anchors: Sequence[Anchor], among: Flags) -> _Factors:
    """Return what the expression's parts say of candidates, each part that it has.

    `among` are those that look as the words say: superlatives and ordinals compare these.
    """
    layout, factors = Layout.of(those, hw), _Factors()
    toward = phrase.toward if not phrase.ordinal else None
    away = (phrase.superlative or "").startswith(FARTHEST)
    said: dict[str, tuple[object, Callable[[], Values]]] = {
        "place": (phrase.position, lambda: _at_place(layout, phrase)),
        "extreme": (toward, lambda: outermost(layout, toward or (0, 0), away, among)),
        "edge": (phrase.edge, lambda: at_edge(layout, phrase.edge or (0, 0))),
        "cut": (phrase.cut, lambda: cut_off(layout)),
        "extent": (phrase.extent, lambda: by_extent(layout, phrase.extent or "")),
        "path": (phrase.path, lambda: by_path(layout, phrase.path)),
        "near_kind": (phrase.near_kind, lambda: beside_its_kind(layout)),
    }
    for name, (is_said, rule) in said.items():
        if is_said:
            factors.add(name, rule())
    ranked_by_size = phrase.ordinal and phrase.superlative in w.LARGEST | w.SMALLEST
    if (logs := by_size(layout, phrase, among)) is not None and not ranked_by_size:
        factors.add("size", logs)
    if (logs := by_aspect(layout, phrase.attributes)) is not None:
        factors.add("aspect", logs)
    if phrase.lone:
        factors.add("lone", isolated(layout), "two things are as far from one another")
    if phrase.ordinal or phrase.line:
        logs, enough = counted(layout, phrase, among)
        factors.add("ordinal", logs)
        factors.open |= not enough
        if not enough:
            factors.notes.append(f"there are fewer than `{phrase.ordinal or 'that'}` says: the last one was taken")
    _relate(those, phrase, hw, anchors, factors)
    return factors


def _at_place(layout: Layout, phrase: Phrase) -> Values:
    position = phrase.position or (0, 0)
    if phrase.off_middle:
        return beside_middle(layout, position)
    return at_place(layout, position, phrase.far, phrase.middle)


def _relate(those: Sequence[Candidate], phrase: Phrase, hw: HW, anchors: Sequence[Anchor], factors: _Factors) -> None:
    """Add what each relation says."""
    for number, relation in enumerate(phrase.relations):
        found = related(those, phrase, number, anchors, hw)
        name = "between" if "between" in relation.words.split() else f"relation_{number + 1}"
        factors.add(name, found.logs, found.reason)
        factors.open |= found.open
        if found.weak:
            factors.weak.add(name)
        asked = [each for each in anchors if each.relation == number and each.asked]
        if asked and not any(each.candidates for each in asked):
            factors.notes.append(f"nobody saw the {relation.other}")


def _weight(weights: SelectRecipe, name: str) -> float:
    key = "relation" if name.startswith("relation_") else name
    return float(getattr(weights, key, 1.0))


def _decisive(factors: Mapping[str, Values], order: Sequence[int]) -> str:
    """Return the factor that sets the best candidate most apart from the next one; "" where none does."""
    if len(order) < 2:
        return ""
    apart = {name: float(logs[order[0]] - logs[order[1]]) for name, logs in factors.items()}
    best = max(apart, key=apart.__getitem__, default="")
    return best if best and apart[best] > ALIKE else ""


def _denied(factors: Mapping[str, Values], best: int) -> list[str]:
    """Return what the best candidate contradicts."""
    return [
        f"no candidate fits the expression's {name.replace('_', ' ')}: what comes nearest was chosen"
        for name, logs in factors.items()
        if logs[best] < np.log(DENIED)
    ]


def _group(phrase: Phrase, total: Values, order: Sequence[int], layout: Layout) -> list[int]:
    """Return the candidates that are meant together, the best first; none where one thing is meant."""
    if not phrase.plural:
        return []
    good = [position for position in order if total[position] >= total[order[0]] + np.log(IN_GROUP)]
    if not phrase.count:
        return good
    if phrase.near_kind and len(good) > phrase.count:
        return closest_together(layout, good, phrase.count)
    return list(order[: phrase.count])


def _margin(total: Values, order: Sequence[int], inside: int) -> float:
    if inside >= len(order):
        return 0.0
    return float(np.exp(total[order[inside]] - total[order[inside - 1]]))


def _spread(numbers: Values, alive: Sequence[int], count: int, rest: float) -> tuple[float, ...]:
    """Return numbers for all candidates, `rest` for those that are worth nothing anyway."""
    spread = np.full(count, rest)
    spread[list(alive)] = numbers
    return tuple(spread.tolist())
