"""Say in plain values and in words who may have been meant, and why this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zeroov import frames
from zeroov.errors import count_of
from zeroov.look import Look
from zeroov.types import Box, Selection


def selection_json(look: Look) -> dict[str, Any] | None:
    """Return the candidates of a look as plain values, the best first, boxes in pixels of the scene."""
    if look.selection is None:
        return None
    return pool_json(look.selection, lambda box: frames.to_scene(box, look.picture))


def pool_json(selection: Selection, placed: Callable[[Box], Box] = lambda box: box) -> dict[str, Any]:
    """Return candidates and what is known of them as plain values, the best first, their boxes as `placed`."""
    pool, choice = selection.pool, selection.choice
    return {
        "kind": pool.kind,
        "listed": pool.listed,
        "undecided": choice.undecided,
        "margin": round(choice.margin, 4),
        "asked": list(pool.asked),
        "why": why(selection),
        "notes": list(choice.notes),
        "skipped": dict(choice.skipped),
        "candidates": [
            {
                "box_xyxy": [round(side, 3) for side in placed(pool.candidates[at].box).xyxy],
                "chosen": at in selection.meant,
                "value": round(choice.values[at], 6),
                "score": round(pool.candidates[at].score, 6),
                "sources": list(pool.candidates[at].sources),
                "factors": {name: round(values[at], 4) for name, values in choice.factors.items()},
            }
            for at in choice.order
        ],
    }


def why(selection: Selection) -> str:
    """Say in a few words what decided: the factor that sets the chosen one most apart from the next."""
    pool, choice, number = selection.pool, selection.choice, len(selection.pool.candidates)
    if not number:
        return "nobody saw a candidate"
    if not pool.listed:
        return f"no {pool.kind} was listed; the look's own answer stands"
    if number == 1:
        return f"one {pool.kind} was seen"
    if len(choice.group) > 1:
        return f"{len(choice.group)} of {number} are meant"
    values, name = choice.factors.get(choice.decisive), choice.decisive
    first, second = choice.order[:2]
    decided = f"{name} {values[first]:.2f} to {values[second]:.2f}" if values else "score alone"
    return f"{count_of(number, 'candidate')}, " + (
        f"undecided ({choice.margin:.2f}): {decided}" if choice.undecided else f"decided by {decided}"
    )
