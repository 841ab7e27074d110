"""How an answer came about, in plain values: maps, candidates with their evidence, and the sentence that says why."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.look import Look
from zeroov.outputs.answer import Answer
from zeroov.recipe import Recipe
from zeroov.recipe.selecting import SelectRecipe

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMES = {
    "score": "source",
    "answer": "own box",
    "attributes": "looks",
    "kinds": "looks like its kind",
    "near_kind": "nearness to its kind",
    "extreme": "place",
    "marks": "the marked number",
}
APART = 0.005  # two figures that are alike to two places say nothing


def floats(values: NDArray[Any] | None) -> dict[str, Any] | None:
    """Return a map (rows, cols) as base64 of little-endian float32."""
    if values is None:
        return None
    return {"shape": list(values.shape), "f32": base64.b64encode(values.astype("<f4").tobytes()).decode()}


def flags(values: NDArray[np.bool_] | None) -> dict[str, Any] | None:
    """Return a bool map (rows, cols) as base64 of bytes, 0 or 1."""
    if values is None:
        return None
    return {"shape": list(values.shape), "u8": base64.b64encode(values.astype(np.uint8).tobytes()).decode()}


def letter(place: int) -> str:
    """Return what the candidate at a place is called: A to Z, then AA, AB."""
    before = place // len(LETTERS)
    return (letter(before - 1) if before else "") + LETTERS[place % len(LETTERS)]


def tuning(recipe: Recipe) -> dict[str, Any]:
    """Return the numbers that decide what Evolve and Select make of the maps, as the recipe has them."""
    grid = recipe.focus.working_grid
    return {
        "k": recipe.evolve.k,
        "tau": recipe.evolve.tau,
        "alpha": recipe.evolve.alpha,
        "grid_hw": [grid, grid],
        "canvas": recipe.evolve.canvas,
        "official": recipe.evolve.official,
        "growing": "evolve" in recipe.stages,
        "margin": recipe.select.margin,
        "weights": weights(recipe),
    }


def weights(recipe: Recipe, searched: bool = False) -> dict[str, float]:
    """Return the exponent of each evidence; one that is not named has 1."""
    chosen = recipe.select_in_scene if searched else recipe.select
    return {each.name: float(getattr(chosen, each.name)) for each in fields(SelectRecipe) if each.name != "margin"}


def explained(look: Look, recipe: Recipe, answer: Answer | None = None) -> dict[str, Any]:
    """Return what each stage made of a look, as far as it is; boxes are in pixels of the scene."""
    evolved, box = look.evolved, look.overview.answer_box
    coarse = look.coarse.box if look.evolved or look.selection or "evolve" not in recipe.stages else None
    return {
        "expression": look.question.expression,
        "window_xyxy": list(look.picture.window),
        "picture_hw": list(look.picture.hw),
        "overview": floats(look.attention),
        "cross_on_grid": floats(evolved.cross_on_grid if evolved else None),
        "fused": floats(evolved.fused if evolved else None),
        "affinity": look.affinity is not None or "focus" in look.keys,
        "recipe": tuning(recipe),
        "seeds": flags(evolved.seeds if evolved else None),
        "region": flags(evolved.region if evolved else None),
        "answer": look.overview.answer,
        "answer_box": list(frames.to_scene(box, look.picture).xyxy) if box else None,
        "confidence": round(look.overview.confidence, 6),
        "says_absent": look.says_absent,
        **choice_json(look, recipe, answer),
        "coarse_box": list(frames.to_scene(coarse, look.picture).xyxy) if coarse else None,
        "stages": {
            name: {"seconds": round(cost.seconds, 4), "origin": cost.origin} for name, cost in look.costs.items()
        },
    }


def choice_json(look: Look, recipe: Recipe, answer: Answer | None) -> dict[str, Any]:
    """Return the candidates, the best first, and what decided among them.

    A recipe without Select has one candidate, the object that was found.
    """
    nothing: dict[str, Any] = {"decisive": "", "margin": 0.0, "undecided": False, "skipped": {}, "kind": ""}
    searched = bool(answer and answer.searched)
    if look.selection is None:
        best = answer.found[:1] if answer else ()
        alone = [
            {
                "letter": letter(at),
                "box_xyxy": list(found.box.xyxy),
                "score": round(found.score, 6),
                "value": round(found.score, 6),
                "sources": ["evolved" if look.evolved else "answer"],
                "chosen": True,
                "factors": {},
            }
            for at, found in enumerate(best)
        ]
        return {"candidates": alone, "weights": {}, **nothing}
    pool, choice = look.selection.pool, look.selection.choice
    candidates = [
        {
            "letter": letter(place),
            "box_xyxy": list(frames.to_scene(pool.candidates[at].box, look.picture).xyxy),
            "score": pool.candidates[at].score,
            "value": choice.values[at],
            "sources": list(pool.candidates[at].sources),
            "chosen": at in look.selection.meant,
            "factors": {name: values[at] for name, values in choice.factors.items()},
        }
        for place, at in enumerate(choice.order)
    ]
    return {
        "candidates": candidates,
        "weights": weights(recipe, searched),
        "decisive": choice.decisive,
        "margin": choice.margin,
        "undecided": choice.undecided,
        "skipped": dict(choice.skipped),
        "kind": pool.kind,
        "listed": pool.listed,
        "notes": list(choice.notes),
    }


def why(answer: Answer, recipe: Recipe) -> str:
    """Say in a sentence or two why this is the answer; by rule, never by a model."""
    if not answer.found:
        if answer.says_absent:
            return "The model answered that there is no such object."
        return f"Nothing found: {answer.why_empty}." if answer.why_empty else "Nothing found."
    look = answer.looks[0] if answer.looks else None
    if look is None:
        return "Drawn where you pointed." if answer.found[0].extra.get("hint") else ""
    if look.selection is None or len(look.selection.choice.order) < 2:
        return "The only candidate."
    choice = look.selection.choice
    if len(choice.group) > 1:
        return f"{len(choice.group)} of {len(choice.order)} candidates are meant together."
    first, second = choice.order[:2]
    lead = choice.values[first] - choice.values[second]
    sentence = f"A leads B by {lead:.2f}." if lead >= APART else "A and B are as likely as each other."
    return f"{sentence} {_decided(choice.factors, weights(recipe, answer.searched), first, second)}".strip()


def _decided(factors: Mapping[str, tuple[float, ...]], weight: Mapping[str, float], first: int, second: int) -> str:
    """Name the one or two evidences whose weighted difference is the largest."""

    def apart(name: str) -> float:
        high, low = (np.log(max(factors[name][at], 1e-6)) for at in (first, second))
        key = "relation" if name.startswith("relation_") else name
        return float(weight.get(key, 1.0) * (high - low))

    for_it = sorted((name for name in factors if apart(name) > APART), key=apart, reverse=True)[:2]
    if len(for_it) == 2 and apart(for_it[1]) < apart(for_it[0]) / 3:
        for_it = for_it[:1]
    told = [f"{_named(name)} ({factors[name][first]:.2f} against {factors[name][second]:.2f})" for name in for_it]
    if not told:
        return ""
    text = " and ".join(told)
    return f"{text[0].upper()}{text[1:]} {'decide' if len(told) > 1 else 'decides'}."


def _named(name: str) -> str:
    return "relation" if name.startswith("relation_") else NAMES.get(name, name.replace("_", " "))
