"""Candidates from several sources as one list: who saw the same object becomes one candidate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zeroov import frames
from zeroov.types import Boxes, Candidate

MOST_IN_SCENE = 1000  # candidates, of a scene that is searched: pairs of them are compared
TRUST = ("detector", "vlm", "answer", "evolved")  # of two sources that see one object the first one's box is kept


def pool_of(by_source: Mapping[str, Boxes], same: float, most: int) -> tuple[Candidate, ...]:
    """Return the candidates of all sources, the surest of the most trusted source first, at most so many.

    Two boxes with an IoU of `same` are one object; a part of the evolved map, whose edge is coarse, is one with what
    shares so much of the smaller of both. Each remembers its sources and keeps the best score.
    """
    pool: list[Candidate] = []
    for source in TRUST:
        overlap = frames.share_of_smaller if source == "evolved" else frames.box_iou
        for box, score in sorted(by_source.get(source, ()), key=lambda each: -each[1]):
            shared = [overlap(box, other.box) for other in pool]
            best = max(range(len(pool)), key=shared.__getitem__, default=None)
            if best is None or shared[best] < same:
                pool.append(Candidate(box, score, sources=(source,)))
                continue
            found = pool[best]
            sources = found.sources if source in found.sources else (*found.sources, source)
            pool[best] = replace(found, score=max(found.score, score), sources=sources)
    return tuple(pool[:most])
