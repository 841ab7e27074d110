"""An item of the journal: what was answered of one image, as it is kept and as it is read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from zeroov.batch.images import Asked
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.rle import decode_rle, encode_rle
from zeroov.types import Box


def item_of(asked: Asked, info: SceneInfo, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return an image's item of the journal; what could not be looked at of it is its error."""
    return {
        "id": asked.place,
        "content": asked.content,
        "error": "; ".join(_failed_tiles(answer) for answer in answers if answer.failed),
        "hw": list(info.hw),
        "crs": info.crs,
        "transform": list(info.transform) if info.transform else None,
        "answers": [
            {
                "expression": answer.expression,
                "status": answer.status,
                "score": answer.score,
                "words": answer.words,
                "says_absent": answer.says_absent,
                "why_empty": answer.why_empty,
            }
            for answer in answers
        ],
        "found": [
            {
                "expression": each.expression,
                "score": each.score,
                "box": list(each.box.xyxy),
                "origin_xy": list(each.origin_xy),
                "mask": encode_rle(each.mask),
                "extra": dict(each.extra),
            }
            for answer in answers
            for each in answer.found
        ],
    }


def _failed_tiles(answer: Answer) -> str:
    first = answer.failed[0]
    count = f"{len(answer.failed)} of {len(answer.tiles)} tiles failed"
    return f'"{answer.expression}": {count}, the first {list(first.window)}: {first.reason}'


class Answers:
    """The items of a journal, found by what an image holds: an image that was moved keeps its answer."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self._by_place: dict[str, Mapping[str, Any]] = {}
        self._by_content: dict[str, Mapping[str, Any]] = {}
        for item in items:
            self._by_place[item["id"]] = item
            if item["content"] and not item["error"]:
                self._by_content[item["content"]] = item

    def get(self, asked: Asked) -> Mapping[str, Any] | None:
        """Return the item of an image, or `None` where there is none of what it holds now."""
        item = self._by_place.get(asked.place)
        return item if item and item["content"] == asked.content else self._by_content.get(asked.content)

    def is_changed(self, asked: Asked) -> bool:
        """Return whether what is answered of an image's place is another image."""
        return asked.place in self._by_place and self.get(asked) is None


def info_of(asked: Asked, item: Mapping[str, Any]) -> SceneInfo:
    """Return what an item says of its image."""
    hw, transform = item["hw"], item["transform"]
    return SceneInfo(str(asked.image), (hw[0], hw[1]), item["crs"], tuple(transform) if transform else None)


def founds_of(item: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the objects of an item."""
    for each in item["found"]:
        x, y = each["origin_xy"]
        mask, box = decode_rle(each["mask"]), Box(*each["box"])
        yield Found(mask, (x, y), box, each["score"], each["expression"], "found", each["extra"])


def counted(items: Iterable[Mapping[str, Any] | None]) -> dict[str, int]:
    """Return how many answers of some items were found, empty, denied and doubtful."""
    counts = dict.fromkeys(("found", "empty", "denied", "doubtful"), 0)
    for item in items:
        for answer in (item or {}).get("answers", ()):  # an image that failed has none
            found = answer["status"] == "found"
            counts["found" if found else "empty"] += 1
            counts["doubtful" if found else "denied"] += answer["says_absent"]
    return counts
