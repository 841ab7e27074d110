"""What a dump says about itself beside its arrays: checked once, when the file is read, and typed from there on."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from zeroov.dumps.key import FORMAT
from zeroov.errors import DumpError, did_you_mean

STAGES = ("overview", "focus", "evolve", "listing", "weighed", "candidates")
DEEPEST = 8  # containers within one another; what zeroov writes has 3
MOST_CELLS = 100_000_000  # of a grid or a picture: `raster` reads no larger one


class Pictured(TypedDict):
    """The picture of a dump; `window` is what it shows of its scene, xyxy in pixels of the scene."""

    digest: str
    source: str
    hw: list[int]
    window: NotRequired[list[int]]


class QuantisedAbout(TypedDict):
    """How an affinity was quantised, with which error, and the key of the dump that it was made from."""

    levels: int
    error: float
    made_from: str


class About(TypedDict):
    """The header of a dump. What is not required is there as the dump's stage says, see `_OF_STAGE`."""

    picture: Pictured
    expression: str
    settings: dict[str, Any]
    seconds: NotRequired[float]
    peak_bytes: NotRequired[int | None]
    model: NotRequired[str]
    revision: NotRequired[str]
    layer_numbers: NotRequired[list[int]]
    depth: NotRequired[int]
    answer: NotRequired[str]
    answer_box_xyxy: NotRequired[list[float] | None]
    confidence: NotRequired[float]
    resized_hw: NotRequired[list[int]]
    steps: NotRequired[int]
    grid_hw: NotRequired[list[int]]
    method: NotRequired[str]
    quantised: NotRequired[QuantisedAbout]
    box_xyxy: NotRequired[list[float] | None]
    boxes_xyxy: NotRequired[list[list[float]]]
    scores: NotRequired[list[float]]
    answers: NotRequired[list[str]]
    shares: NotRequired[list[float]]
    kind: NotRequired[str]
    listed: NotRequired[bool]
    asked: NotRequired[list[str]]
    sources: NotRequired[list[list[str]]]
    anchors: NotRequired[list[dict[str, Any]]]
    extra: NotRequired[dict[str, list[float]]]


class Header(TypedDict):
    """What the file itself needs: which dump it is, and of each compressed array its dtype and shape."""

    stage: str
    key: str
    packed: dict[str, Any]  # `unpack` checks it


def read_header(text: str, path: Path) -> tuple[Header, About]:
    """Return what the JSON text in a file's header says; `ValueError` says what is damaged in it."""
    try:
        about = json.loads(text)
    except RecursionError as error:
        raise ValueError("its header is nested too deep") from error
    if not isinstance(about, dict) or not {"stage", "key", "format"} <= about.keys():
        raise DumpError(f"`{path}` was not written by zeroov")
    if (version := about.pop("format")) != FORMAT:
        raise DumpError(
            f"`{path}` has dump format {version!r:.20}, this zeroov reads {FORMAT}; make it again, and remove the old "
            "ones with `zeroov dumps prune DIR --damaged`"
        )
    if not _is_shallow(about):
        raise ValueError("its header is nested too deep")
    about.setdefault("packed", {})
    stage = about["stage"]
    if not (isinstance(stage, str) and stage in STAGES):
        raise ValueError(f"its stage is {str(stage)[:20]!r}{did_you_mean(str(stage)[:20], STAGES)}")
    _check("", about, {**_OF_FILE, **_OF_ALL, **_OF_STAGE[stage]})
    if not _is_utf_8({**about, "picture": {**about["picture"], "source": ""}}):  # the name of a file alone may be not
        raise ValueError("its header holds text that is not UTF-8")
    header: Header = {name: about.pop(name) for name in _OF_FILE}  # type: ignore[assignment]
    return header, about  # type: ignore[return-value]  # checked to be just that


Check = Callable[[Any], bool]
Checks = Mapping[str, tuple[Check, str] | Mapping[str, Any]]


def _check(prefix: str, about: Any, checks: Checks) -> None:
    """Raise `ValueError` where a name is missing or its value is of the wrong kind; a name that ends in ? may lack."""
    if not isinstance(about, dict):
        raise ValueError(f"its header says {prefix.rstrip('.')} = {about!r:.60}, expected several names with values")
    for name, check in checks.items():
        plain = name.rstrip("?")
        if plain not in about:
            if plain == name:
                raise ValueError(f"its header does not say `{prefix}{plain}`")
        elif isinstance(check, Mapping):
            _check(f"{prefix}{plain}.", about[plain], check)
        elif not check[0](about[plain]):
            raise ValueError(f"its header says {prefix}{plain} = {about[plain]!r:.60}, expected {check[1]}")


def _is_shallow(value: Any, left: int = DEEPEST) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left > 0 and all(_is_shallow(item, left - 1) for item in inner)


def _is_utf_8(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_file_name(value: Any) -> bool:
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value) is not None


def _is_whole(value: Any, low: int = 0, high: int = 2**62) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return _is_whole(value, -(2**62)) or (isinstance(value, float) and math.isfinite(value))


def _are_whole(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_whole, value))


def _is_size(value: Any) -> bool:
    return _are_whole(value) and len(value) == 2 and 0 < value[0] * value[1] <= MOST_CELLS


def _is_box(value: Any) -> bool:
    is_corners = isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))
    return value is None or (is_corners and value[0] < value[2] and value[1] < value[3])


def _are_boxes(value: Any) -> bool:
    return isinstance(value, list) and all(box is not None and _is_box(box) for box in value)


def _are_shares(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(share) and 0 <= share <= 1 for share in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_factors(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, list) and all(map(_is_number, each)) for each in value.values()
    )


def _are_anchors(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and set(each) == {"relation", "part", "asked", "boxes_xyxy", "scores"}
        and _are_whole([each["relation"], each["part"]])
        and isinstance(each["asked"], bool)
        and _are_boxes(each["boxes_xyxy"])
        and _are_shares(each["scores"])
        for each in value
    )


def _is_window(value: Any) -> bool:
    return value is not None and _is_box(value) and _are_whole(value)


TEXT, NUMBER = (_is_text, "text"), (_is_number, "a number")
WHOLE, NUMBERS = (_is_whole, "a whole number"), (_are_whole, "whole numbers")
SIZE, BOX = (_is_size, "height and width"), (_is_box, "a box x0, y0, x1, y1 or null")
TEXTS, BOXES = (_are_texts, "texts"), (_are_boxes, "boxes x0, y0, x1, y1")
SHARES = (_are_shares, "numbers from 0 to 1")
KEY = (_is_key, "32 hexadecimal digits")
# `evolve` without Focus has no key of a Focus dump.
KEY_OR_NONE = (lambda value: value == "" or _is_key(value), "32 hexadecimal digits or nothing")


_OF_FILE: Checks = {
    "stage": TEXT,
    "key": KEY,
    "packed": (lambda value: isinstance(value, dict), "arrays by name"),
}
_OF_ALL: Checks = {
    "picture": {
        "digest": TEXT,
        "source": (_is_file_name, "the name of a file"),
        "hw": SIZE,
        "window?": (_is_window, "a window x0, y0, x1, y1"),
    },
    "expression": TEXT,
    "settings": {},
    "seconds?": NUMBER,
    "peak_bytes?": (lambda value: value is None or _is_whole(value), "a whole number or null"),
}
_OF_STAGE: Mapping[str, Checks] = {
    "overview": {
        "model": TEXT,
        "revision": TEXT,
        "layer_numbers": NUMBERS,
        "answer": TEXT,
        "answer_box_xyxy": BOX,
        "confidence": NUMBER,
        "resized_hw": SIZE,
        "steps": WHOLE,
        "depth?": WHOLE,
    },
    "focus": {
        "settings": {"prompt": TEXT},
        "model": TEXT,
        "revision": TEXT,
        "grid_hw": SIZE,
        "method": TEXT,
        "quantised?": {
            "levels": (lambda value: _is_whole(value, 2, 256), "2 to 256"),
            "error": NUMBER,
            "made_from": KEY,
        },
    },
    "evolve": {
        "settings": {"overview": KEY, "focus": KEY_OR_NONE},
        "box_xyxy": BOX,
    },
    "listing": {
        "model": TEXT,
        "revision": TEXT,
        "answer": TEXT,
        "boxes_xyxy": BOXES,
        "scores": SHARES,
    },
    "weighed": {
        "answers": TEXTS,
        "shares": SHARES,
    },
    "candidates": {
        "settings": {"overview": KEY, "focus": KEY_OR_NONE},
        "kind": TEXT,
        "listed": (lambda value: isinstance(value, bool), "true or false"),
        "asked": TEXTS,
        "boxes_xyxy": BOXES,
        "scores": SHARES,
        "sources": (lambda value: isinstance(value, list) and all(map(_are_texts, value)), "lists of texts"),
        "anchors": (_are_anchors, "anchors"),
        "extra": (_are_factors, "numbers by name"),
    },
}
