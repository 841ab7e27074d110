"""What every feature says of itself: which sentence, how sure, by which model, from which file."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.outputs.found import Found, SceneInfo
from zeroov.version import __version__

Value = str | int | float | bool | None
Provenance = Mapping[str, str | float]
Column = tuple[NDArray[Any], NDArray[np.bool_]]  # the values, and where they are missing
COLUMNS: dict[str, Value] = {  # of all objects, with values of their types
    **{"id": 0, "class": "", "area_m2": 0.0, "length_m": 0.0},
    **{"expression": "", "score": 0.0, "status": "", "pixels": 0},
}
RESERVED = ("fid", "geom", "geometry")  # columns that a GeoPackage and a GeoParquet have already


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


def file_attributes(
    scenes: Mapping[SceneInfo, Provenance],
    found: Sequence[str],
    expressions: Sequence[str] = (),
    count: int | None = None,
) -> dict[str, Value]:
    """Return what a file of all scenes says of itself, an empty one too: what was asked, of which scene, and how.

    `count` says how many scenes there are where only the first is given.
    """
    count = len(scenes) if count is None else count
    for info, provenance in list(scenes.items())[:1]:
        about = layer_attributes(info, found, provenance, expressions)
        return {**about, "source": f"{count} images"} if count > 1 else about
    return {"status": "empty"}


class Columns:
    """The columns of the objects of all scenes, also those that all objects have where there is none.

    Every row is noted first; then each has its kind, and rows become values a part at a time.
    """

    def __init__(self, scenes: Mapping[SceneInfo, Provenance] = MappingProxyType({})) -> None:
        self._kinds: dict[str, set[type]] = {}
        self.note(COLUMNS)
        for info, provenance in list(scenes.items())[:1]:
            self.note(run_attributes(info, provenance))

    def note(self, row: Mapping[str, Value]) -> None:
        """Take the kinds of a row's values into account."""
        for name, value in row.items():
            kinds = self._kinds.setdefault(name, set())
            if value is not None:
                kinds.add(type(value))

    def of(self, rows: Sequence[Mapping[str, Value]]) -> dict[str, Column]:
        """Return some rows, all of them noted, as columns by name."""
        return {name: _column([row.get(name) for row in rows], kinds) for name, kinds in self._kinds.items()}


def columns_of(scenes: Mapping[SceneInfo, Provenance], rows: Sequence[Mapping[str, Value]]) -> dict[str, Column]:
    """Return the columns of the objects of all scenes by name."""
    columns = Columns(scenes)
    for row in rows:
        columns.note(row)
    return columns.of(rows)


def _column(values: list[Value], kinds: Collection[type]) -> Column:
    """Return a column of the one kind that all its values have, of text where they differ."""
    kind = float if kinds == {int, float} else next(iter(kinds)) if len(kinds) == 1 else str
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if kind is str:
        return np.array([None if value is None else str(value) for value in values], dtype=object), missing
    dtype = {bool: np.bool_, int: np.int64, float: np.float64}[kind]
    return np.array([kind() if value is None else value for value in values], dtype=dtype), missing


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
