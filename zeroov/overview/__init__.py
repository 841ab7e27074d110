"""Overview: load a vision-language model, and read which image tokens it attends to while it answers.

`combine` and its kin are pure and need no model; loading and running one lives in `load` and `stage`.
"""

from zeroov.overview.answer import answer_to_image, parse_box, says_absent
from zeroov.overview.combine import combine, mean_of_heads, relative, select, sharpest_heads

__all__ = [
    "answer_to_image",
    "combine",
    "mean_of_heads",
    "parse_box",
    "relative",
    "says_absent",
    "select",
    "sharpest_heads",
]
