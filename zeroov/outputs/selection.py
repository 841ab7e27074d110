"""Say in plain values and in words who may have been meant, and why this one."""

from __future__ import annotations

from typing import Any

from zeroov import frames
from zeroov.errors import count_of
from zeroov.look import Look
from zeroov.types import Selection


def selection_json(look: Look) -> dict[str, Any] | None:
    """Return the candidates of a look as plain values, the best first, boxes in pixels of the scene."""
    selection = look.selection
    if selection is None:
        return None
    choice = selection.choice
    chosen = choice.group or choice.order[:1]
    return {
        "kind": selection.kind,
        "listed": selection.listed,
        "undecided": choice.undecided,
        "margin": round(choice.margin, 4),
        "asked": list(selection.asked),
        "why": why(selection),
        "notes": list(choice.notes),
        "skipped": dict(choice.skipped),
        "candidates": [
            {
                "box_xyxy": list(frames.to_scene(selection.candidates[at].box, look.picture).xyxy),
                "chosen": at in chosen,
                "value": round(choice.values[at], 6),
                "score": round(selection.candidates[at].score, 6),
                "sources": list(selection.candidates[at].sources),
                "factors": {name: round(values[at], 4) for name, values in choice.factors.items()},
            }
            for at in choice.order
        ],
    }


def why(selection: Selection) -> str:
    """Say in a few words what decided: the factor that sets the chosen one most apart from the next."""
    choice, number = selection.choice, len(selection.candidates)
    if not number:
        return "nobody saw a candidate"
    if not selection.listed:
        return f"no {selection.kind} was listed; the look's own answer stands"
    if number == 1:
        return f"one {selection.kind} was seen"
    if len(choice.group) > 1:
        return f"{len(choice.group)} of {number} are meant"
    first, second = choice.order[:2]
    apart = {name: values[first] / max(values[second], 1e-9) for name, values in choice.factors.items()}
    best = max(apart, key=apart.__getitem__, default="")
    told = f"{best} {choice.factors[best][first]:.2f} to {choice.factors[best][second]:.2f}" if best else "score alone"
    seen = count_of(number, "candidate")
    return f"{seen}, undecided ({choice.margin:.2f}): {told}" if choice.undecided else f"{seen}, decided by {told}"
