"""An item of the journal: what was answered to one expression about one image, as it is kept and as it is read again.

It keeps the object also where its score is low or the model denies it. What is shown of it is decided when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zeroov.batch.images import Asked
from zeroov.files.journal import Items
from zeroov.outputs.answer import Answer
from zeroov.outputs.decide import DENIED, Deciding, decide
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.rle import decode_rle, encode_rle
from zeroov.types import Box

Item = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Decided:
    """What is shown of an answer: `found`, or nothing, for `why_empty`; `withheld` is what was found and is not shown.

    `score` is that of the best object, shown or not; `denied` says that the model denies that there is such an object.
    """

    expression: str
    score: float
    found: tuple[Found, ...]
    withheld: tuple[Found, ...]
    denied: bool
    why_empty: str

    @classmethod
    def of(cls, item: Item, by: Deciding) -> Decided:
        """Decide an item that did not fail."""
        kept = tuple(_found_of(item["expression"], each) for each in item["found"])
        found, why_empty = decide(kept, item["why_empty"], item["says_absent"], by)
        withheld = tuple(each for each in kept if each not in found)
        return cls(item["expression"], item["score"], found, withheld, item["says_absent"], why_empty)

    @property
    def is_below(self) -> bool:
        """Whether nothing is shown because the score is too low."""
        return bool(self.withheld) and not self.found and self.why_empty != DENIED


class Answers:
    """The items of a journal, found by what an image holds and what was asked: a moved image keeps its answers.

    They stay on the disk until they are asked for.
    """

    def __init__(self, items: Items) -> None:
        self._items = items
        self._contents: dict[str, str] = {}  # of each place, what was asked about last
        for item in items:
            self.add(item)

    def add(self, item: Item) -> None:
        """Take note of an item that was added to the journal."""
        self._contents[item["image"]] = item["content"]

    def has(self, asked: Asked, expression: str) -> bool:
        """Return whether an expression was asked about what an image holds now."""
        return item_id(asked, expression) in self._items

    def get(self, asked: Asked, expression: str) -> Item | None:
        """Return the item of an expression about what an image holds now."""
        return self._items.get(item_id(asked, expression))

    def is_whole(self, asked: Asked) -> bool:
        """Return whether all expressions of an image were asked."""
        return all(self.has(asked, text) for text in asked.expressions)

    def is_changed(self, asked: Asked) -> bool:
        """Return whether an image's place held something else when it was asked; of what cannot be read it is not."""
        return bool(asked.content) and self._contents.get(asked.place, asked.content) != asked.content


def item_id(asked: Asked, expression: str) -> str:
    """Return what identifies an item: what the image holds, its place where it cannot be read, and the expression."""
    return f"{asked.content or asked.place} {expression}"


def item_of(asked: Asked, info: SceneInfo, answer: Answer) -> dict[str, Any]:
    """Return an answer's item; what could not be looked at of the image is its error."""
    return {
        "id": item_id(asked, answer.expression),
        "image": asked.place,
        "content": asked.content,
        "expression": answer.expression,
        "error": _failed_tiles(answer) if answer.failed else "",
        "hw": list(info.hw),
        "crs": info.crs,
        "transform": list(info.transform) if info.transform else None,
        "bands": list(info.bands),
        "score": answer.score,
        "words": answer.words,
        "says_absent": answer.says_absent,
        "why_empty": answer.why_empty,
        "found": [
            {
                "score": each.score,
                "box": list(each.box.xyxy),
                "origin_xy": list(each.origin_xy),
                "mask": encode_rle(each.mask),
                "extra": dict(each.extra),
            }
            for each in answer.found
        ],
    }


def failed_item(asked: Asked, expression: str, reason: str) -> dict[str, Any]:
    """Return the item of an expression that could not be asked."""
    about = {"id": item_id(asked, expression), "image": asked.place, "content": asked.content}
    return about | {"expression": expression, "error": reason}


def info_of(asked: Asked, item: Item) -> SceneInfo:
    """Return what an item that did not fail says of its image."""
    hw, transform = item["hw"], item["transform"]
    placed = tuple(transform) if transform else None
    return SceneInfo(asked.name, (hw[0], hw[1]), item["crs"], placed, tuple(item["bands"]))


def _failed_tiles(answer: Answer) -> str:
    first = answer.failed[0]
    count = f"{len(answer.failed)} of {len(answer.tiles)} tiles failed"
    return f'"{answer.expression}": {count}, the first {list(first.window)}: {first.reason}'


def _found_of(expression: str, each: Item) -> Found:
    x, y = each["origin_xy"]
    return Found(decode_rle(each["mask"]), (x, y), Box(*each["box"]), each["score"], expression, extra=each["extra"])
