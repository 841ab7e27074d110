"""What a section of a recipe is made of: keys with defaults and checks; a section from plain values and back.

Knows no section by name. A check takes a value and returns what is wrong with it, or `None`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from zeroov.errors import RecipeError, did_you_mean

Check = Callable[[Any], str | None]
LARGEST = 2**63 - 1  # of whole numbers: torch and NumPy count no further
_hints: Callable[[Any], dict[str, Any]] = functools.cache(get_type_hints)


def key(default: Any, check: Check | None = None) -> Any:
    """Declare a recipe key with its default and the check that its value must pass."""
    return dataclasses.field(default=default, metadata={"check": check})


def between(low: float, high: float) -> Check:
    """Take numbers from `low` to `high`, both included."""
    return lambda value: None if low <= value <= high else f"must lie between {low:g} and {high:g}"


def at_least(low: float) -> Check:
    """Take numbers from `low` upward."""
    return lambda value: None if value >= low else f"must be at least {low:g}"


def one_of(*names: str) -> Check:
    """Take one of some names."""
    return lambda value: None if value in names else f"is unknown{did_you_mean(value, names)}"


def named(value: str) -> str | None:
    """Take any text but blanks."""
    return None if value.strip() else "must not be empty"


def address(value: str) -> str | None:
    """Take nothing, or the address of an HTTP server: what may be written down, so no name and no password."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        fine = False
    if not fine or not value.isascii() or not value.isprintable() or any(c in value for c in " @?#\\"):
        return "is no address of a server; expected http://HOST:PORT/v1 or https://..., without user, query and blanks"
    return None


def no_checkpoint(value: str) -> str | None:
    """Take a hub id, a folder or nothing, but no checkpoint of the official Segment Anything."""
    return "is a checkpoint; give it as refine.checkpoint" if value.endswith((".pth", ".pt")) else None


def holds_expression(value: str) -> str | None:
    """Take a prompt with a place for the expression."""
    return None if "{expression}" in value else "must hold {expression}"


def no_other_braces(value: str) -> str | None:
    """Take a prompt with or without a place for the expression, and nothing else that looks like one."""
    rest = value.replace("{expression}", "")
    return "may hold {expression} and no other braces" if "{" in rest or "}" in rest else None


def numbers(low: int, high: int) -> Check:
    """Take different whole numbers from `low` to `high`, at least one."""

    def check(values: tuple[int, ...]) -> str | None:
        if not values:
            return "must not be empty"
        if len(set(values)) != len(values):
            return "must not repeat a number"
        return None if all(low <= v <= high for v in values) else f"must hold numbers between {low} and {high}"

    return check


def finite_weights(values: tuple[float, ...]) -> str | None:
    """Take weights that an average can be made with."""
    fine = values and min(values) >= 0 and 0 < sum(values) < math.inf
    return None if fine else "must hold finite weights >= 0, one of them above 0"


def shares(values: tuple[float, ...]) -> str | None:
    """Take shares of a picture's side, none too small to look at, or none at all."""
    return None if all(0.1 <= value < 1 for value in values) else "must hold shares from 0.1 to below 1"


def to_plain(value: Any) -> Any:
    """Return a nested value with lists for tuples, as TOML and JSON have them."""
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, tuple | list) else value


def from_plain(section: type[Any], values: Mapping[str, Any], prefix: str = "") -> Any:
    """Build a section, with the sections in it, from plain values; every key and value is checked.

    An unknown key, a value of the wrong kind or out of range is a `RecipeError` that names the key (after `prefix`),
    what it got, and what it takes.
    """
    hints = _hints(section)  # resolved once: that takes longer than all else here
    known = {f.name: f for f in dataclasses.fields(section)}
    built = {}
    for name, value in values.items():
        where = f"{prefix}{name}"
        if name not in known:
            raise RecipeError(f"recipe key `{where}` is unknown{did_you_mean(name, known)}")
        if dataclasses.is_dataclass(hints[name]):
            if not isinstance(value, Mapping):
                raise RecipeError(f"`{where}` is a section of the recipe, got {shown(value)}")
            built[name] = from_plain(typing.cast(type, hints[name]), value, f"{where}.")
            continue
        built[name] = _convert(where, value, hints[name])
        check: Check | None = known[name].metadata.get("check")
        fault = check(built[name]) if check else None
        if fault:
            raise RecipeError(f"{where} = {shown(value)} {fault}")
    return section(**built)


def shown(value: Any) -> str:
    """Return a value for a message, cut to a readable length."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:80]}..."


def _convert(where: str, value: Any, hint: Any) -> Any:
    """Return `value` as the annotated kind, or refuse it; an int is taken for a float, nothing else is converted."""
    if isinstance(hint, types.UnionType):  # a list, or a text in its place
        hint = str if isinstance(value, str) else get_args(hint)[0]
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{where} takes a list, got {shown(value)}")
        return tuple(_convert(where, item, get_args(hint)[0]) for item in value)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise RecipeError(f"{where} takes a smaller number, got {shown(value)}")
    if isinstance(value, str) and not value.isascii() and value != value.encode(errors="replace").decode():
        raise RecipeError(f"{where} holds what is no UTF-8, got {shown(value)}; write or rename it in UTF-8")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        kind = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[hint]
        raise RecipeError(f"{where} takes {kind}, got {shown(value)}")
    return value
