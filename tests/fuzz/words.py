"""Answers of models and expressions of users: whatever text comes, the words are read and no box leaves its image."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz.damage import odd_value
from zeroov import frames
from zeroov.candidates.choose import choose
from zeroov.candidates.relation import relation_weights
from zeroov.language.phrase import parse
from zeroov.language.position import position_prior
from zeroov.language.words import vocabulary
from zeroov.overview.answer import answer_to_image, parse_box, says_absent
from zeroov.types import Anchor, Box, Candidate, clean_expression

SPOKEN = sorted(
    vocabulary(
        "the a an this that second third last 2nd two three both of from left right leftmost top bottom upper center",
        "lower-right middle corner side edge largest smallest longest biggest red white dark parked small long square",
        "plane planes airplane ship ships building buildings vehicle car court tennis ground track field bridge tank",
        "tanks storage harbor road roads image picture photo scene next to near beside between above below behind in",
        "front on with without and or is are located which there no not far away adjacent surrounded by closest",
        "towards furthest facing one other group row , . ; : ' \" ( ) - / ? ! <|image_pad|> {expression} it's N°1 3x",
    )
)
ODD_SPOKEN = (
    "",
    "\u202e",
    "\u200d",
    "\x00",
    "\n",
    "\t",
    "\ud800",
    "é",
    "飞机",
    "самолёт",
    "✈️",
    "İ",
    "ß",
    "a" * 300,
    "٣",
)
ANSWERED = (
    *sorted(
        vocabulary("[ ] ( ) { } < > , ; : . - to box bbox_2d none null no not there is x1 y1 x2 y2 xmin left width")
    ),
    *("```json\n", "```", '{"bbox_2d": ', '"label": ', "x1: ", "I cannot see", " ", "\n", "%", "é", "\ud800"),
)
FORMS = ("[{}, {}, {}, {}]", "({},{}),({},{})", "[{} {} {} {}]", '```json\n[{{"bbox_2d": [{}, {}, {}, {}]}}]')
ODD_NUMBERS = ("-0", "007", "1e9", "9" * 400, "0.0000001", "1.", ".5", "1.5.2", "٣", "²", "--1", "+1", "NaN", "inf")


def answers(random: Random, folder: Path) -> None:
    """Read a box out of words of all kinds."""
    image_hw = _side(random), _side(random)
    frame_hw = random.choice(((1000, 1000), image_hw, (_side(random), _side(random))))
    if random.random() < 0.3:
        _true_box(random, frame_hw, image_hw)
        return
    pieces = [_piece(random) for _ in range(random.choice((1, 3, 8, 12, 30)))]
    text = random.choice(("", " ", ", ")).join(pieces)
    if random.random() < 0.05:
        text = str(odd_value(random)) if random.random() < 0.5 else text * 100
    says_absent(text)
    found = parse_box(text)
    box = answer_to_image(text, frame_hw, image_hw)
    if found is None:
        assert box is None, "a box of an answer without one"
    if box:
        _require_inside(box, image_hw)


def _true_box(random: Random, frame_hw: frames.HW, image_hw: frames.HW) -> None:
    """Write a box as models do, and read it."""
    x0, y0, x1, y1 = (
        round(random.uniform(-5, 1.1 * side), random.choice((0, 0, 1))) for side in (*frame_hw[::-1],) * 2
    )
    named: dict[str, float] = {}
    if random.random() < 0.4:
        names = random.choice(
            (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
        )
        named = dict(zip(names, (x0, y0, x1, y1), strict=True))
    elif random.random() < 0.3:
        x0, y0, x1, y1 = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
        named = {"x": x0, "y": y0, "width": round(x1 - x0, 1), "height": round(y1 - y0, 1)}
    if named:
        items = random.sample([*named.items()], 4)
        text = json.dumps(dict(items)) if random.random() < 0.7 else ", ".join(f"{name}: {n}" for name, n in items)
    else:
        written = [f"{corner:g}" for corner in (x0, y0, x1, y1)]
        text = random.choice(FORMS).format(*written)
    text = random.choice(("", "The object is at ")) + text + random.choice(("", "\n", "<|im_end|>"))
    expected = frames.scale_box((x0, y0, x1, y1), frame_hw, image_hw)
    box = answer_to_image(text, frame_hw, image_hw)
    if expected is None or box is None:
        smallest = min(abs(x1 - x0), abs(y1 - y0), *frame_hw, 1)
        assert expected is box or smallest < 1e-6, f"{box} of {text!r}, {expected} is right"
        return
    assert np.allclose(box.xyxy, expected.xyxy, rtol=1e-5, atol=1e-3), f"{box} of {text!r}, {expected} is right"
    _require_inside(box, image_hw)


def expressions(random: Random, folder: Path) -> None:
    """Take an expression apart, and weigh candidates by it."""
    words = [
        random.choice(ODD_SPOKEN if random.random() < 0.05 else SPOKEN) for _ in range(random.choice((1, 4, 9, 25)))
    ]
    text = random.choice((" ", " ", " ", "", "-")).join(words)
    if random.random() < 0.02:
        text = (text + " ") * 500
    text = clean_expression(text)
    assert clean_expression(text) == text, "cleaned text is not clean"
    phrase = parse(text)
    scene_hw = _side(random), _side(random)
    candidates, anchors = ([_candidate(random, scene_hw) for _ in range(random.randrange(5))] for _ in range(2))
    strength = random.choice((0.0, 4.0, 20.0))
    known = [Anchor(number, tuple(anchors)) for number in range(len(phrase.relations)) if random.random() < 0.5]
    choice = choose(candidates, phrase, scene_hw, known)
    values = np.array(choice.values)
    assert values.shape == (len(candidates),), "a value for each candidate"
    assert np.isfinite(values).all(), f"{values} for {text!r}"
    assert (values >= 0).all(), f"{values} for {text!r}"
    assert sorted(choice.order) == list(range(len(candidates)))
    for relation in phrase.relations:
        weights = relation_weights(candidates, anchors, relation.words, scene_hw)
        assert ((weights > 0) & (weights <= 1)).all(), f"{weights} for {relation.words!r}"
    prior = position_prior(phrase.place, (random.randrange(1, 6), random.randrange(1, 6)), strength)
    assert ((prior > 0) & (prior <= 1)).all()
    json.dumps([phrase.category, phrase.attributes]).encode()


def _piece(random: Random) -> str:
    kind = random.random()
    if kind < 0.45:
        return random.choice(ANSWERED)
    if kind < 0.55:
        return random.choice(ODD_NUMBERS)
    return str(random.randrange(-20, 1200)) if kind < 0.9 else f"{random.uniform(-5, 1100):.3f}"


def _side(random: Random) -> int:
    return random.choice((1, 2, 7, 224, 1000, random.randrange(1, 20_000)))


def _candidate(random: Random, scene_hw: frames.HW) -> Candidate:
    height, width = scene_hw
    x0, y0 = random.uniform(0, width - 0.5), random.uniform(0, height - 0.5)
    box = Box(x0, y0, x0 + random.uniform(0.01, width), y0 + random.uniform(0.01, height))
    return Candidate(box, random.choice((0.0, 1.0, 1e-12, random.random())), random.random() < 0.8)


def _require_inside(box: Box, image_hw: frames.HW) -> None:
    assert 0 <= box.x0 < box.x1 <= image_hw[1], f"{box} in {image_hw}"
    assert 0 <= box.y0 < box.y1 <= image_hw[0], f"{box} in {image_hw}"
