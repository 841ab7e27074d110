"""Between the stages' values and the arrays and header of a dump."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.dumps.key import digest, evolve_settings, pool_settings
from zeroov.dumps.quantise import dequantise, quantise
from zeroov.dumps.store import Dump, DumpStore, read_dump
from zeroov.errors import DumpError
from zeroov.recipe import OverviewRecipe, Recipe
from zeroov.recipe.depths import layers_and_weights
from zeroov.types import Affinity, Anchor, Box, Candidate, Evolved, Float32, Listing, Overview, Pool

Parts = tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]


def _box(corners: list[float] | None) -> Box | None:
    return Box(*corners) if corners else None


def _corners(box: Box | None) -> list[float] | None:
    return list(box.xyxy) if box else None


def from_overview(value: Overview, cross: Float32, recipe: OverviewRecipe) -> Parts:
    """Return the arrays and header of an Overview; `cross` is A_C as `recipe` combines it, which the header says."""
    layers, weights = layers_and_weights(recipe, value.layer_numbers, value.depth)
    about = {
        "cross_layers": list(layers),
        "cross_weights": list(weights),
        "layer_numbers": list(value.layer_numbers),
        "depth": value.depth,
        "answer": value.answer,
        "answer_box_xyxy": _corners(value.answer_box),
        "confidence": value.confidence,
        "resized_hw": list(value.resized_hw),
        "steps": value.steps,
        "model": value.model,
        "revision": value.revision,
    }
    heads = {} if value.heads is None else {"heads": value.heads}
    return {"layers": value.layers, "cross": cross, **heads}, about


def to_overview(dump: Dump) -> Overview:
    """Return the Overview that a dump holds."""
    about = dump.about
    with _complete(dump):
        return Overview(
            layers=_array(dump, "layers", np.float32, 3),
            layer_numbers=tuple(about["layer_numbers"]),
            depth=about.get("depth", 0),
            answer=about["answer"],
            answer_box=_box(about["answer_box_xyxy"]),
            confidence=about["confidence"],
            resized_hw=(about["resized_hw"][0], about["resized_hw"][1]),
            steps=about["steps"],
            model=about["model"],
            revision=about["revision"],
            heads=_array(dump, "heads", np.float32, 3) if "heads" in dump.arrays else None,
        )


def from_affinity(value: Affinity) -> Parts:
    """Return the arrays and header of an Affinity."""
    about = {"grid_hw": list(value.grid_hw), "method": value.method, "model": value.model, "revision": value.revision}
    return {"affinity": value.matrix}, about


def write_quantised(store: DumpStore, dump: Dump) -> Dump:
    """Write a Focus dump in one byte a cell under a key of its own, which no recipe asks for; return it read back.

    A pipeline that met it would answer slightly differently than one that computes, so it must never take it for its
    own. `zeroov evolve` and `zeroov bench ablate` take it and say so; its header names the dump from which it was made.
    """
    settings = {**dump.about["settings"], "kept": "uint8"}
    text = settings["prompt"].replace("{expression}", dump.about["expression"])
    key = digest("focus", dump.about["picture"]["digest"], text, settings)
    if made := store.read("focus", key):
        return made
    matrix = to_affinity(dump).matrix
    small = quantise(matrix)
    quantised = {"levels": small.levels, "error": round(small.error, 6), "made_from": dump.key}
    about = {**dump.about, "settings": settings, "quantised": quantised}
    return read_dump(store.write("focus", key, {"codes": small.codes, "peaks": small.peaks}, about))


def to_affinity(dump: Dump) -> Affinity:
    """Return the Affinity that a dump holds, quantised or not."""
    about = dump.about
    with _complete(dump):
        quantised = about.get("quantised")
        matrix = (
            dequantise(_array(dump, "codes", np.uint8, 2), _array(dump, "peaks", np.float16, 1), quantised["levels"])
            if quantised
            else _array(dump, "affinity", np.float16, 2)
        )
        return Affinity(
            matrix=matrix,
            grid_hw=(about["grid_hw"][0], about["grid_hw"][1]),
            method=about["method"],
            model=about["model"],
            revision=about["revision"],
        )


def from_evolved(value: Evolved) -> Parts:
    """Return the arrays and header of an Evolved."""
    arrays: dict[str, NDArray[Any]] = {
        "cross_on_grid": value.cross_on_grid,
        "fused": value.fused,
        "region": value.region,
        "seeds": value.seeds,
        "mask": value.mask,
    }
    return arrays, {"box_xyxy": _corners(value.box)}


def write_evolved(
    store: DumpStore, sample: Mapping[str, Any], recipe: Recipe, overview_key: str, focus_key: str, value: Evolved
) -> Path:
    """Write an Evolved unless it is there; `sample` is the header part that says which sample it is. Return where."""
    settings = evolve_settings(recipe.evolve, recipe.overview, overview_key, focus_key)
    settings |= {"growing": "evolve" in recipe.stages, "grid_hw": list(value.fused.shape)}
    key = digest("evolve", sample["picture"]["digest"], sample["expression"], settings)
    if store.read("evolve", key):  # a finished folder of dumps may be read-only
        return store.path("evolve", key)
    arrays, about = from_evolved(value)
    return store.write("evolve", key, arrays, {**sample, "settings": settings, **about})


def to_evolved(dump: Dump) -> Evolved:
    """Return the Evolved that a dump holds."""
    with _complete(dump):
        return Evolved(
            cross_on_grid=_array(dump, "cross_on_grid", np.float32, 2),
            fused=_array(dump, "fused", np.float32, 2),
            region=_array(dump, "region", np.bool_, 2),
            seeds=_array(dump, "seeds", np.bool_, 2),
            mask=_array(dump, "mask", np.bool_, 2),
            box=_box(dump.about["box_xyxy"]),
        )


def from_listing(value: Listing) -> Parts:
    """Return the header of a list of objects; it has no arrays."""
    about = {"answer": value.answer, "model": value.model, "revision": value.revision}
    return {}, {**about, "boxes_xyxy": [list(box.xyxy) for box in value.boxes], "scores": list(value.scores)}


def to_listing(dump: Dump) -> Listing:
    """Return the list of objects that a dump holds."""
    about = dump.about
    with _complete(dump):
        boxes = tuple(Box(*corners) for corners in about["boxes_xyxy"])
        return Listing(boxes, tuple(about["scores"]), about["answer"], about["model"], about["revision"])


def to_shares(dump: Dump) -> tuple[float, ...]:
    """Return how likely each of the possible answers was."""
    with _complete(dump):
        shares = tuple(dump.about["shares"])
        if len(shares) != len(dump.about["answers"]):
            raise ValueError(f"{len(shares)} shares of {len(dump.about['answers'])} answers")
        return shares


def write_pool(
    store: DumpStore,
    sample: Mapping[str, Any],
    recipe: Recipe,
    keys: Mapping[str, str],
    value: Pool,
    searched: bool = False,
) -> str:
    """Write who may be meant; `sample` is the header part that says in which picture and expression. Return the key.

    `searched`: in a scene of which the picture shows the whole.
    """
    settings = pool_settings(recipe, keys, searched)
    key = digest("candidates", sample["picture"]["digest"], sample["expression"], settings)
    about = {
        "kind": value.kind,
        "listed": value.listed,
        "asked": list(value.asked),
        **_candidates(value.candidates),
        "sources": [list(each.sources) for each in value.candidates],
        "anchors": [
            {"relation": each.relation, "part": each.part, "asked": each.asked, **_candidates(each.candidates)}
            for each in value.anchors
        ],
        "extra": {name: list(numbers) for name, numbers in value.extra.items()},
    }
    store.write("candidates", key, {}, {**sample, "settings": settings, **about})
    return key


def _candidates(value: Sequence[Candidate]) -> dict[str, Any]:
    return {"boxes_xyxy": [list(each.box.xyxy) for each in value], "scores": [each.score for each in value]}


def to_pool(dump: Dump) -> Pool:
    """Return who may be meant, as a dump holds it."""
    about = dump.about
    with _complete(dump):
        extra = {name: tuple(numbers) for name, numbers in about["extra"].items()}
        if any(len(numbers) != len(about["boxes_xyxy"]) for numbers in (*extra.values(), about["sources"])):
            raise ValueError("not one number for each candidate")
        return Pool(
            kind=about["kind"],
            candidates=_to_candidates(about["boxes_xyxy"], about["scores"], about["sources"]),
            listed=about["listed"],
            anchors=tuple(
                Anchor(
                    each["relation"], _to_candidates(each["boxes_xyxy"], each["scores"]), each["part"], each["asked"]
                )
                for each in about["anchors"]
            ),
            extra=extra,
            asked=tuple(about["asked"]),
        )


def _to_candidates(
    boxes_xyxy: Sequence[Sequence[float]], scores: Sequence[float], sources: Sequence[Sequence[str]] = ()
) -> tuple[Candidate, ...]:
    whose = sources or [()] * len(scores)
    return tuple(
        Candidate(Box(*corners), score, sources=tuple(own))
        for corners, score, own in zip(boxes_xyxy, scores, whose, strict=True)
    )


def _array(dump: Dump, name: str, dtype: type[np.generic], ndim: int) -> NDArray[Any]:
    array = dump.arrays[name]
    if array.dtype != dtype or array.ndim != ndim or not array.size:
        raise ValueError(f"`{name}` is {array.dtype} {array.shape}, expected {np.dtype(dtype)} of {ndim} dimensions")
    return array


@contextlib.contextmanager
def _complete(dump: Dump) -> Iterator[None]:
    """Turn an array that is missing, or is not what the header says, into a `DumpError` that names the file."""
    try:
        yield
    except (KeyError, ValueError) as error:
        raise DumpError(f"`{dump.path}` lacks what a {dump.stage} dump holds ({error})") from error
