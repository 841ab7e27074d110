"""Read the box out of the model's answer. Pure: text in, numbers out."""

from __future__ import annotations

import math
import re

from zeroov.frames import HW, scale_box
from zeroov.overview.families import Family
from zeroov.types import Box

NUMBER = r"-?\d+(?:\.\d+)?"
GAP = r"[\s,;]+"
# Four numbers in one pair of brackets: [1, 2, 3, 4], (1 2 3 4), {"bbox_2d": [1, 2, 3, 4]}.
BRACKETED = re.compile(rf"[\[(<{{]\s*({NUMBER}){GAP}({NUMBER}){GAP}({NUMBER}){GAP}({NUMBER})\s*[\])>}}]")
# Two corners in their own brackets: (1, 2), (3, 4), as Qwen-VL 1 and 2 write.
CORNERS = re.compile(rf"[\[(]\s*({NUMBER}){GAP}({NUMBER})\s*[\])][\s,;to-]*[\[(]\s*({NUMBER}){GAP}({NUMBER})\s*[\])]")
# Numbers by their names, in any order: x1: 1, x2: 3, y1: 2, y2: 4, or "x": 1, "y": 2, "width": 2, "height": 2.
ROLES = {
    **dict.fromkeys(("x1", "xmin", "x_min", "left"), "x1"),
    **dict.fromkeys(("y1", "ymin", "y_min", "top"), "y1"),
    **dict.fromkeys(("x2", "xmax", "x_max", "right"), "x2"),
    **dict.fromkeys(("y2", "ymax", "y_max", "bottom"), "y2"),
    **dict.fromkeys(("width", "w"), "w"),
    **dict.fromkeys(("height", "h"), "h"),
    **dict.fromkeys(("cx", "x_center", "center_x"), "cx"),
    **dict.fromkeys(("cy", "y_center", "center_y"), "cy"),
    **{name: name for name in ("x", "y", "x0", "y0")},
}
NAMED = re.compile(rf"(?<!\w)({'|'.join(sorted(ROLES, reverse=True))})\W{{1,4}}?({NUMBER})", re.IGNORECASE)
# A number, or a list, that has a name: what it means is not to be guessed from its place.
NAMING = re.compile(rf"\w[\"']?\s*[:=]\s*[\[(]?\s*[\"']?{NUMBER}")
# A number of running text: "from 1, 2 to 3, 4"; not the 1 of x1.
LOOSE = re.compile(rf"(?<![\w.]){NUMBER}(?![\w]|\.\d)")


END_OF_THOUGHT = "</think>"


def what_counts(answer: str, family: Family) -> tuple[int, int]:
    """Return where what counts of an answer begins and ends.

    That is all of it, but where a family thinks or marks: what comes after the last thought, and of it the last part
    between marks, else the last list, cut short or not. Of a thought that does not end nothing counts.
    """
    start, end = 0, len(answer)
    if family.thinks:
        start = answer.rfind(END_OF_THOUGHT) + len(END_OF_THOUGHT) if END_OF_THOUGHT in answer else 0
        if not start and "<think>" in answer:
            return end, end
    if not family.marks:
        return start, end
    before, after = family.marks
    if (marked := answer.rfind(before, start)) >= 0:
        start = marked + len(before)
        closed = answer.find(after, start)
        return start, closed if closed >= 0 else end
    return _last_list(answer, start) or (start, end)


def _last_list(answer: str, start: int) -> tuple[int, int] | None:
    """Return where the last list of numbers, or empty list, begins and ends that lies in no other one."""
    found, opened, depth = None, start, 0
    for at in range(start, len(answer)):
        if answer[at] == "[":
            opened = opened if depth else at
            depth += 1
        elif answer[at] == "]" and depth:
            depth -= 1
            inside = answer[opened + 1 : at].strip()
            if not depth and (not inside or any(map(str.isdigit, inside))):
                found = opened, at + 1
    return (opened, len(answer)) if depth and any(map(str.isdigit, answer[opened:])) else found


def parse_box(answer: str) -> tuple[float, float, float, float] | None:
    """Return the first box (x1, y1, x2, y2) in an answer, in the answer's own unit, or `None` when there is none.

    JSON, a bare list, two corners, numbers that are named in any order, and prose that holds four numbers and no more
    are understood; reversed corners are put in order.
    """
    found: tuple[float, ...] | None
    if match := BRACKETED.search(answer) or CORNERS.search(answer):
        found = tuple(map(float, match.groups()))
    else:
        found = _named(answer)
        loose = LOOSE.findall(answer)
        if found is None and len(loose) == 4 and len(NAMING.findall(answer)) < 2:
            found = tuple(map(float, loose))
    if found is None or not all(map(math.isfinite, found)):
        return None
    x1, y1, x2, y2 = found
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def box_spans(
    answer: str, start: int = 0, end: int | None = None
) -> list[tuple[tuple[float, float, float, float], int, int]]:
    """Return all boxes of an answer in its own unit, corners in order, each with where its text begins and ends.

    Those in one pair of brackets each, else those of two corners; a last one that was cut short is none.
    """
    end = len(answer) if end is None else end
    matches = list(BRACKETED.finditer(answer, start, end)) or list(CORNERS.finditer(answer, start, end))
    found = []
    for match in matches:
        x1, y1, x2, y2 = map(float, match.groups())
        if all(map(math.isfinite, (x1, y1, x2, y2))):
            found.append(((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), match.start(1), match.end()))
    return found


def _named(answer: str) -> tuple[float, float, float, float] | None:
    """Return the corners of the first box whose numbers are named; `None` where no four names make a box."""
    pairs = [(ROLES[name.lower()], float(number)) for name, number in NAMED.findall(answer)]
    if sorted(role for role, _ in pairs[:4]) == ["x", "x", "y", "y"]:  # two corners, each with its x and y
        (x1, x2), (y1, y2) = ([number for role, number in pairs[:4] if role == axis] for axis in "xy")
        return x1, y1, x2, y2
    box: dict[str, float] = {}
    for role, number in pairs:
        if role in box:
            break  # of the next box
        box[role] = number
    if {"x0", "y0", "x1", "y1"} <= box.keys():
        return box["x0"], box["y0"], box["x1"], box["y1"]
    if {"x1", "y1", "x2", "y2"} <= box.keys():
        return box["x1"], box["y1"], box["x2"], box["y2"]
    if not {"w", "h"} <= box.keys():
        return None
    width, height = box["w"], box["h"]
    for left, top, share in (("x", "y", 0.0), ("x1", "y1", 0.0), ("cx", "cy", 0.5)):
        if {left, top} <= box.keys():
            x, y = box[left] - share * width, box[top] - share * height
            return x, y, x + width, y + height
    return None


# "none", "no such plane", "there is no ...", "I cannot see ...": how words say that an object is not in the picture
ABSENT = re.compile(
    r"\W*(?:none|null|no|not|there (?:is|are) (?:no|not|none)|there (?:is|are)n't"
    r"|(?:the|this) image (?:does not|doesn't)|i (?:can ?not|can't|do not|don't) (?:see|find|locate))\b",
    re.IGNORECASE,
)


def says_absent(answer: str) -> bool:
    """Return whether an answer states that the object is not there: `[]`, `none`, words, or a box that is a point."""
    found = parse_box(answer)
    if found:
        x1, y1, x2, y2 = found
        return x1 == x2 and y1 == y2
    text = answer.strip().strip("`").removeprefix("json")
    if not re.search(r"\w", text):
        return "]" in text or "}" in text  # an empty list; a lone bracket is an answer cut short
    return ABSENT.match(text) is not None


def answer_to_image(answer: str, answer_frame_hw: HW, image_hw: HW) -> Box | None:
    """Return the answer's box in image pixels; `None` when there is none or it has no area inside the image."""
    found = parse_box(answer)
    return scale_box(found, answer_frame_hw, image_hw) if found else None
