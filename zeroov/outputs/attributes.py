"""What every feature says of itself: which sentence, how sure, by which model, from which file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from zeroov.outputs.found import Found, SceneInfo
from zeroov.version import __version__

Value = str | int | float | bool | None
Provenance = Mapping[str, str | float]
RESERVED = ("fid", "geom")  # a GeoPackage has these columns already


def attributes(
    info: SceneInfo, found: Found, provenance: Provenance, first: Mapping[str, Value] = MappingProxyType({})
) -> dict[str, Value]:
    """Return the attributes of one found object, plain values by name: a format's own `first`, then what all say.

    `provenance` is what holds for the run, e.g. model, revision, recipe, recipe_digest. What is no plain value becomes
    JSON, what is no finite number `None`. A name of `extra` that is taken gets `extra_` before it.
    """
    values: dict[str, object] = {
        **first,
        "expression": found.expression,
        "score": float(found.score),
        "status": found.status,
        "pixels": found.pixels,
        **run_attributes(info, provenance),
    }
    taken = {name.lower() for name in (*values, *RESERVED)}  # a GeoPackage's names differ by more than their case
    for name, value in found.extra.items():
        values[f"extra_{name}" if name.lower() in taken else name] = value
    return {name: _plain(value) for name, value in values.items()}


def run_attributes(info: SceneInfo, provenance: Provenance) -> dict[str, Value]:
    """Return the attributes that all objects of a scene share."""
    shared = {"source": info.source, "zeroov_version": __version__, **provenance}
    return {name: _plain(value) for name, value in shared.items()}


def layer_attributes(
    info: SceneInfo, found: Sequence[str], provenance: Provenance, expressions: Sequence[str] = ()
) -> dict[str, Value]:
    """Return what a layer says of itself, one without an object too: what was asked, and whether it was found.

    `expressions` are those that were asked; of what was `found` those that are not among them follow.
    """
    sentences = " | ".join(dict.fromkeys([*expressions, *found]))
    asked: dict[str, Value] = {"expression": _plain(sentences)} if sentences else {}
    return {**asked, "status": "found" if found else "empty", **run_attributes(info, provenance)}


def _plain(value: object) -> Value:
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, str):  # a file name that is not UTF-8 holds lone surrogates
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, int):  # more than a GeoPackage's columns, and most readers of JSON, hold
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return json.dumps(value, ensure_ascii=False, default=str)
