"""Read the box out of the model's answer. Pure: text in, numbers out."""

from __future__ import annotations

import math
import re

from zeroov.frames import HW, scale_box
from zeroov.types import Box

NUMBER = r"-?\d+(?:\.\d+)?"
GAP = r"[\s,;]+"
# Four numbers in one pair of brackets: [1, 2, 3, 4], (1 2 3 4), {"bbox_2d": [1, 2, 3, 4]}.
BRACKETED = re.compile(rf"[\[(<{{]\s*({NUMBER}){GAP}({NUMBER}){GAP}({NUMBER}){GAP}({NUMBER})\s*[\])>}}]")
# Two corners in their own brackets: (1, 2), (3, 4), as Qwen-VL 1 and 2 write.
CORNERS = re.compile(rf"[\[(]\s*({NUMBER}){GAP}({NUMBER})\s*[\])][\s,;to-]*[\[(]\s*({NUMBER}){GAP}({NUMBER})\s*[\])]")
# Named corners: x1: 1, y1: 2, x2: 3, y2: 4 (also xmin, left ...), in this order.
CORNER_NAMES = ("x1|xmin|left", "y1|ymin|top", "x2|xmax|right", "y2|ymax|bottom")
NAMED = re.compile(r"\D{0,3}".join(rf"(?:{name})\D{{1,4}}?({NUMBER})" for name in CORNER_NAMES), re.IGNORECASE)
# A number of running text: "from 1, 2 to 3, 4"; not the 1 of x1.
LOOSE = re.compile(rf"(?<![\w.]){NUMBER}(?![\w]|\.\d)")


def parse_box(answer: str) -> tuple[float, float, float, float] | None:
    """Return the first box (x1, y1, x2, y2) in an answer, in the answer's own unit, or `None` when there is none.

    JSON, a bare list, two corners, named corners, and prose that holds four numbers and no more are understood;
    reversed corners are put in order.
    """
    loose = LOOSE.findall(answer)
    for pattern in (BRACKETED, CORNERS, NAMED):
        match = pattern.search(answer)
        if match:
            found = match.groups()
            break
    else:
        if len(loose) != 4:
            return None
        found = tuple(loose)
    x1, y1, x2, y2 = (float(text) for text in found)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        return None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


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
