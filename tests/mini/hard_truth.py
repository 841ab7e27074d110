"""Judge from masks and words alone which objects an expression may mean, by other code than draws the scene."""

from __future__ import annotations

import re

import cv2
import numpy as np

from zeroov.mini.hard import HardQuestion
from zeroov.mini.kinds import COLOURS, KINDS

WORDS = {
    "left": r"left(most|-most)?|(north|south)?west(ern)?",
    "right": r"right(most|-most)?|(north|south)?east(ern)?",
    "top": r"top(most|-most)?|upper|north(ern|east|west|eastern|western)?|above",
    "bottom": r"bottom(most|-most)?|lower|lowest|south(ern|east|west|eastern|western)?|below",
}
WAYS = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


def side_in(text: str) -> np.ndarray:
    """Return the direction (right, down) that words of a text name, zeros where they name none."""
    text = re.sub(r"right (at|in|beside|on)\b|from above|high above|next to", "", text.lower())
    way = np.zeros(2)
    for side, words in WORDS.items():
        if re.search(rf"\b(?:{words})\b", text):
            way += WAYS[side]
    return way


def centre(question: HardQuestion, at: int) -> np.ndarray:
    """Return the middle of an object's extent, as shares of the picture."""
    return extent(question, at).reshape(2, 2).mean(0)


def extent(question: HardQuestion, at: int) -> np.ndarray:
    """Return x0, y0, x1, y1 of an object's pixels, as shares of the picture."""
    rows, columns = np.nonzero(question.scene.objects[at].mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / question.scene.image.shape[0]


def _depth(question: HardQuestion, at: int, way: np.ndarray) -> np.ndarray:
    """Return how far an object lies from the named sides, for those that are named."""
    x = centre(question, at)
    return np.where(way < 0, x, 1 - x)[way != 0]


def _colour(question: HardQuestion, at: int, said: list[str]) -> bool:
    return not said or question.scene.objects[at].colour in said


def _clusters(question: HardQuestion) -> dict[int, int]:
    """Return how many objects of the asked kind lie in each one's cluster."""
    hw = question.scene.height_width
    blobs = np.zeros(hw, np.uint8)
    for at in question.asked:
        x0, y0, x1, y1 = question.scene.objects[at].box_xyxy
        blobs[max(y0 - 7, 0) : y1 + 7, max(x0 - 7, 0) : x1 + 7] = 1
    _, labels = cv2.connectedComponents(blobs)
    of = {at: labels[tuple(np.argwhere(question.scene.objects[at].mask)[0])] for at in question.asked}
    return {at: list(of.values()).count(label) for at, label in of.items()}


def may_be_meant(question: HardQuestion) -> set[int]:
    """Return the objects of the asked kind that the words may mean, judged with more tolerance than they are placed."""
    subject, _, tail = _split(question)
    said = [colour for colour in COLOURS if re.search(rf"\b{colour}\b", subject)]
    asked = [at for at in question.asked if _colour(question, at, said)]
    family, sub = question.family, question.sub
    if family in ("place", "group"):
        return _placed(question, asked, tail, subject)
    if family == "superlative":
        way = side_in(question.text.replace("topmost", "top").replace("edge of the image", ""))
        outer = {
            at: float((extent(question, at)[[0, 1]] if way.sum() < 0 else extent(question, at)[[2, 3]]) @ way)
            for at in asked
        }
        return {at for at in asked if outer[at] > max(outer.values()) - 0.05}
    area = {at: question.scene.objects[at].area for at in asked}
    if family == "size superlative" or sub in ("size", "two"):
        small = bool(re.search(r"small|tiny|little", question.text.replace("small shadow", "")))
        bound = min(area.values()) * 1.25 if small else max(area.values()) / 1.25
        return {at for at in asked if (area[at] < bound if small else area[at] > bound)}
    if sub == "colour":
        said = [colour for colour in COLOURS if re.search(rf"\b{colour}\b", question.text)]
        return {at for at in asked if _colour(question, at, said)}
    if sub == "shape":
        sides = {at: np.sort(extent(question, at)[2:] - extent(question, at)[:2]) for at in asked}
        long = bool(re.search("oval|elongated", question.text))
        return {at for at in asked if (sides[at][1] / sides[at][0] > 1.3) == long}
    if family.startswith("relation"):
        return _beside(question, asked, tail)
    if family == "between":
        first, second = (centre(question, at) for at in question.anchors)
        line = second - first
        along = {at: float((centre(question, at) - first) @ line / (line @ line)) for at in asked}
        off = {
            at: np.linalg.norm(centre(question, at) - first - along[at] * line) / np.linalg.norm(line) for at in asked
        }
        return {at for at in asked if 0.05 < along[at] < 0.95 and off[at] < 0.4}
    if family == "inside":
        hull = cv2.convexHull(np.argwhere(question.scene.objects[question.anchors[0]].mask)[:, ::-1].astype(np.int32))
        x = {at: tuple(float(v) for v in centre(question, at) * 336) for at in asked}
        return {at for at in asked if cv2.pointPolygonTest(hull, x[at], False) > 0}
    if family == "ordinal":
        return _counted(question, tail + " " + subject)
    extents = {at: extent(question, at)[2:] - extent(question, at)[:2] for at in asked}
    if sub == "orientation":
        down = int("vertically" in question.text or "top to" in question.text)
        return {at for at in asked if extents[at][down] > 1.3 * extents[at][1 - down]}
    return {at for at in asked if extents[at].max() > 0.7}


def _split(question: HardQuestion) -> tuple[str, str, str]:
    """Split an expression at the asked kind's name."""
    kind = question.kind.split()[-1]
    names = [kind, KINDS[question.kind.removeprefix("small ").removeprefix("large ")].plural.split()[-1]]
    names += {"plane": ["airplane"], "ship": ["boat"], "vehicle": ["car"]}.get(kind, [])
    found = re.search("|".join(rf"\b{name}\b" for name in sorted(names, key=len, reverse=True)), question.text)
    assert found, question.text
    return question.text[: found.start()], found[0], question.text[found.end() :]


def _placed(question: HardQuestion, asked: list[int], tail: str, subject: str) -> set[int]:
    if question.sub == "cut":
        way = side_in(tail)
        border = [at for at in asked if (extent(question, at)[:2] == 0).any() or (extent(question, at)[2:] == 1).any()]
        return {at for at in border if not way.any() or (_depth(question, at, way) < 0.3).all()}
    way = side_in(tail)
    if question.sub == "edge":
        edges = {
            at: np.where(way < 0, extent(question, at)[:2], 1 - extent(question, at)[2:])[way != 0] for at in asked
        }
        return {at for at in asked if (edges[at] < 0.04).all()}
    if not way.any():
        return {at for at in asked if (np.abs(centre(question, at) - 0.5) < 0.17).all()}
    bound = 0.2 if question.sub == "far" else 0.4
    fits = {at for at in asked if (_depth(question, at, way) < bound).all()}
    if question.sub == "middle":
        fits = {at for at in fits if abs(centre(question, at)[way == 0][0] - 0.5) < 0.17}
    if question.sub == "count":
        count = {"two": 2, "three": 3, "four": 4}[re.search("two|three|four", subject)[0]]  # type: ignore[index]
        clusters = _clusters(question)
        fits = {at for at in fits if clusters[at] == count}
    return fits


def _beside(question: HardQuestion, asked: list[int], tail: str) -> set[int]:
    (anchor,) = question.anchors
    if question.sub == "near":
        grown = cv2.dilate(question.scene.objects[anchor].mask.astype(np.uint8), np.ones((65, 65)))
        return {at for at in asked if (grown.astype(bool) & question.scene.objects[at].mask).any()}
    way = side_in(re.split(r"\b(?:of|above|below) (?:the|another|a)\b", tail)[0] + _last_word(tail))
    fits = set()
    for at in asked:
        to = centre(question, at) - centre(question, anchor)
        if at != anchor and to @ way > np.cos(np.radians(36)) * np.linalg.norm(to) * np.linalg.norm(way):
            fits.add(at)
    return fits


def _last_word(tail: str) -> str:
    found = re.search(r"\b(above|below) (?:the|another|a)\b", tail)
    return f" {found[1]}" if found else ""


def _counted(question: HardQuestion, text: str) -> set[int]:
    asked = list(question.asked)
    ends = re.search(r"from the ((?:upper |lower )?\w+)( corner)?(?: in the (\w+) (?:row|column))?", text)
    assert ends, text
    way = side_in(ends[1])
    if ends[3]:
        asked = [at for at in asked if (_depth(question, at, side_in(ends[3])) < 0.4).all()]
    corner = np.where(way < 0, 0.0, 1.0)
    away = {
        at: float(np.linalg.norm(centre(question, at) - corner)) if ends[2] else float(_depth(question, at, way)[0])
        for at in asked
    }
    order = sorted(asked, key=away.__getitem__)
    number = re.search("first|second|third|fourth|last", text)
    assert number, text
    at = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": len(order) - 1}[number[0]]
    return {order[at]}
