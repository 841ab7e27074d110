from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.overview import answer_to_image, parse_box, says_absent
from zeroov.overview.answer import box_spans, what_counts
from zeroov.overview.families import FAMILIES, Family
from zeroov.types import Box


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[1, 2, 3, 4]", (1, 2, 3, 4)),
        ("[ 1.5,2,3.25 ,4 ]", (1.5, 2, 3.25, 4)),
        ('```json\n[\n\t{"bbox_2d": [10, 20, 30, 40], "label": "plane"}\n]\n```', (10, 20, 30, 40)),
        ('{"bbox_2d": [10, 20, 30, 40]}', (10, 20, 30, 40)),
        ('{"x1": 10, "y1": 20, "x2": 30, "y2": 40}', (10, 20, 30, 40)),
        ("x1=10, y1=20, x2=30, y2=40", (10, 20, 30, 40)),
        ('{"x1": 65, "x2": 162, "y1": 99, "y2": 187}', (65, 99, 162, 187)),
        ('{"y1": 99, "x1": 65, "y2": 187, "x2": 162}', (65, 99, 162, 187)),
        ('[{"ymin": 99, "xmin": 65, "ymax": 187, "xmax": 162}]', (65, 99, 162, 187)),
        ('{"x0": 65, "y0": 99, "x1": 162, "y1": 187}', (65, 99, 162, 187)),
        ('{"x": 65, "y": 99, "width": 97, "height": 88}', (65, 99, 162, 187)),
        ('{"width": 97, "height": 88, "left": "65", "top": "99"}', (65, 99, 162, 187)),
        ('{"cx": 113.5, "cy": 143, "w": 97, "h": 88}', (65, 99, 162, 187)),
        ('{"from": {"x": 65, "y": 99}, "to": {"y": 187, "x": 162}}', (65, 99, 162, 187)),
        ('[{"x": 1, "y": 2, "w": 3, "h": 4}, {"x": 5, "y": 6, "w": 7, "h": 8}]', (1, 2, 4, 6)),  # the first
        ("Left 65, top 99, right 162, bottom 187.", (65, 99, 162, 187)),
        ('{"a": 65, "b": 162, "c": 99, "d": 187}', None),  # names that say nothing are not guessed
        ('{"x": [65, 162], "y": [99, 187]}', None),
        ('{"x": 65, "y": 99, "angle": 97, "size": 88}', None),
        ("The box: 10, 20, 30, 40", (10, 20, 30, 40)),
        ("(10, 20), (30, 40)", (10, 20, 30, 40)),
        ("<|box_start|>(10,20),(30,40)<|box_end|>", (10, 20, 30, 40)),
        ("The plane is at [10, 20, 30, 40], near 2 ships.", (10, 20, 30, 40)),
        ("It reaches from 10, 20 to 30, 40.", (10, 20, 30, 40)),
        ("[10, 20, 30, 40", (10, 20, 30, 40)),  # cut off
        ("[30, 40, 10, 20]", (10, 20, 30, 40)),  # reversed corners
        ("[1, 2, 3, 4] and [5, 6, 7, 8]", (1, 2, 3, 4)),  # the first
        ("[-5, 2, 3, 4]", (-5, 2, 3, 4)),
        ("x: 1, y: 2, x: 3, y: 4; x: 5, y: 6, x: 7, y: 8", (1, 2, 3, 4)),  # the first of two with names
        ("[1, 2, 3]", None),
        ("[1, 2, 3, 4, 5, 6, 7, 8]", None),  # a polygon is not a box
        ("There is no such plane.", None),
        ("", None),
        ("[x1, y1, x2, y2]", None),
        ("[" + "9" * 400 + ", 2, 3, 4]", None),  # past every float
    ],
)
def test_parse_box(answer: str, expected: tuple[float, ...] | None) -> None:
    assert parse_box(answer) == expected


@given(st.text())
def test_any_text_is_a_box_or_none(answer: str) -> None:
    box = parse_box(answer)
    assert box is None or (box[0] <= box[2] and box[1] <= box[3])


def test_qwen2_5_answers_in_pixels_of_the_resized_image() -> None:
    frame = FAMILIES["qwen2_5_vl"].answer_frame_hw((812, 1624))
    assert answer_to_image("[0, 0, 812, 406]", frame, (400, 800)) == Box(0, 0, 400, 200)


def test_qwen3_answers_in_thousandths() -> None:
    frame = FAMILIES["qwen3_vl"].answer_frame_hw((812, 1624))
    assert answer_to_image("[100, 500, 200, 1000]", frame, (400, 800)) == Box(80, 200, 160, 400)


@pytest.mark.parametrize("answer", ["[900, 900, 950, 950]", "[10, 10, 10, 40]", "no"])
def test_a_box_outside_or_without_area_is_none(answer: str) -> None:
    assert answer_to_image(answer, (100, 100), (100, 100)) is None


def test_a_box_past_the_edge_is_clipped() -> None:
    assert answer_to_image("[-10, 50, 30, 476]", (448, 448), (448, 448)) == Box(0, 50, 30, 448)


@pytest.mark.parametrize(
    ("answer", "absent"),
    [
        ("[]", True),
        ("```json\n[]\n```", True),
        ("{}", True),
        ("None", True),
        ("[0, 0, 0, 0]", True),
        ("no such object", True),
        ("There is no white plane in the image.", True),
        ("I can't find it.", True),
        ("The image does not show a bridge.", True),
        ("[", False),
        ("", False),
        ("[10, 10, 20, 20]", False),
        ("[10, 10, 10, 40]", False),  # a line is no point
        ("[10, 10, 40, 10]", False),
        ("No. 3 from the left: [10, 10, 20, 20]", False),
        ("northern runway", False),
        ("The plane is on the left.", False),
    ],
)
def test_an_answer_that_states_an_absence_is_told_from_one_without_a_box(answer: str, absent: bool) -> None:
    assert says_absent(answer) is absent


def test_each_family_answers_in_its_unit() -> None:
    units = {name: family.answer_frame_hw((812, 1624)) for name, family in FAMILIES.items()}
    assert units == {**dict.fromkeys(FAMILIES, (1000, 1000)), "qwen2_5_vl": (812, 1624)}


GLM, QWEN3_5 = FAMILIES["glm4v"], FAMILIES["qwen3_5"]


@pytest.mark.parametrize(
    ("family", "answer", "counts"),
    [
        (GLM, "<think>It may be [1, 2, 3, 4].</think>It is [[5, 6, 7, 8]].", "[[5, 6, 7, 8]]"),
        (GLM, "At [1, 2, 3, 4]? <|begin_of_box|>[[5, 6, 7, 8]]<|end_of_box|>, not [9, 9, 9, 9]", "[[5, 6, 7, 8]]"),
        (GLM, "<|begin_of_box|>[1, 2, 3, 4]<|end_of_box|> or <|begin_of_box|>[5, 6, 7, 8]", "[5, 6, 7, 8]"),
        (GLM, "[1, 2, 3, 4], or rather [5, 6, 7, 8]", "[5, 6, 7, 8]"),
        (GLM, "[1, 2, 3, 4]\n```json\n[{'bbox_2d': (5, 6, 7, 8), 'label': 'a [b]'}]\n```", None),
        (GLM, "<think>[1, 2, 3, 4]</think>[{'bbox_2d': [5, 6, 7, 8]}, {'bbox_2d': [9, 1", None),  # cut short
        (GLM, "[[7, 8, 5, 6]] [sic]", "[[7, 8, 5, 6]]"),  # swapped corners
        (GLM, "Not [1, 2, 3, 4], there is none: []", "[]"),
        (GLM, "<think>It may be [1, 2, 3, 4], or", ""),  # a thought that does not end
        (GLM, "x1: 5, y1: 6, x2: 7, y2: 8", "x1: 5, y1: 6, x2: 7, y2: 8"),
        (QWEN3_5, "<think>[1, 2, 3, 4]</think>\n\n[5, 6, 7, 8], [9, 9, 9, 9]", "\n\n[5, 6, 7, 8], [9, 9, 9, 9]"),
        (QWEN3_5, '[{"bbox_2d": [5, 6, 7, 8]}]', '[{"bbox_2d": [5, 6, 7, 8]}]'),
        (FAMILIES["qwen3_vl"], "[5, 6, 7, 8], [1, 2, 3, 4]", "[5, 6, 7, 8], [1, 2, 3, 4]"),
        (FAMILIES["internvl"], "<ref>a</ref><box>[[5, 6, 7, 8]]</box>", "<ref>a</ref><box>[[5, 6, 7, 8]]</box>"),
    ],
)
def test_what_counts_of_an_answer(family: Family, answer: str, counts: str | None) -> None:
    """Thoughts before the answer, marks, python literals, truncated lists, swapped corners."""
    start, end = what_counts(answer, family)
    if counts is not None:
        assert answer[start:end] == counts
    if counts not in ("", "[]"):
        assert parse_box(answer[start:end]) == (5, 6, 7, 8) == box_of(answer, start, end)
    assert says_absent(answer[start:end]) == (counts == "[]")


def box_of(answer: str, start: int, end: int) -> tuple[float, ...] | None:
    """Return the first box as it is found in a list of objects; numbers by their names are in none."""
    found = box_spans(answer, start, end)
    return found[0][0] if found else parse_box(answer[start:end])


@given(st.text(alphabet="[]1, <think>/|begin_of_box|"))
def test_some_part_of_any_answer_counts(answer: str) -> None:
    for family in FAMILIES.values():
        start, end = what_counts(answer, family)
        assert 0 <= start <= end <= len(answer)
