"""An answer as plain values: what result.json holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from zeroov import frames
from zeroov.outputs.selection import selection_json
from zeroov.types import TileStatus
from zeroov.version import __version__

if TYPE_CHECKING:
    from zeroov.outputs.answer import Answer


def result_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values; masks are reported by their number of pixels."""
    first = answer.looks[0] if answer.looks else None
    answer_box = first.overview.answer_box if first else None
    answer_box = frames.to_scene(answer_box, first.picture) if first and answer_box else None
    report: dict[str, Any] = {
        "source": answer.source,
        "expression": answer.expression,
        "status": answer.status,
        "why_empty": answer.why_empty or None,
        "says_absent": answer.says_absent,
        "doubtful": answer.doubtful or None,
        "box_xyxy": list(answer.box.xyxy) if answer.box else None,
        "score": round(answer.score, 6),
        "image_hw": list(answer.info.hw),
        "mask_pixels": answer.found[0].pixels if answer.found else 0,
        "found": [
            {"box_xyxy": list(each.box.xyxy), "score": round(each.score, 6), "mask_pixels": each.pixels}
            | {"doubtful": answer.doubt(each) or None, **each.extra}
            for each in answer.found
        ],
        "answer": answer.words,
        "answer_box_xyxy": list(answer_box.xyxy) if answer_box and not answer.searched else None,
        "stages": {name: cost.to_json() for name, cost in first.costs.items()} if first else {},
        "select": selection_json(first) if first else None,
        "zoom": [each.to_json() for each in answer.closer],
        "searched": answer.searched,
        **answer.provenance,
        "zeroov_version": __version__,
        "crs": answer.info.crs,
        "transform": list(answer.info.transform) if answer.info.transform else None,
        "bands": list(answer.info.bands),
        "overlay": answer.about_overlay(),
        "seconds": round(answer.seconds, 3),
    }
    if answer.area:
        report["area_xyxy"] = list(answer.area)
    if answer.searched:
        report["tiles"] = {status: sum(t.status == status for t in answer.tiles) for status in get_args(TileStatus)}
        report["not_looked_at"] = [
            {"window_xyxy": list(tile.window), "status": tile.status, "reason": tile.reason}
            for tile in answer.tiles
            if tile.status != "looked"
        ]
    return report
