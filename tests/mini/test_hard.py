"""The hard split: one object is meant, each part of the expression has a near miss, and words are held out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import get_args

import numpy as np
import pytest

from tests.mini.hard_truth import may_be_meant
from zeroov.mini.hard import HardQuestion, count_of, draw_question, hard_question
from zeroov.mini.hard.layout import NoRoom
from zeroov.mini.hard.question import _draft, _text
from zeroov.mini.hard.table import ABSENT, FAMILIES, schedule
from zeroov.mini.hard.words import HELD_OUT_WORDS, Speech, Style

SUBS = [(family.name, sub) for family in FAMILIES.values() for sub in family.scenes]
MISSES = {"plain": 1, "middle": 2, "described": 2, "row": 3, "side": 2, "corner": 2, "two": 2, "between": 2, "same": 2}
MISSES |= {"count": 2, "direction": 2, "other": 2, "comparative": 2, "path": 2}


@cache
def drawn(family: str, sub: str) -> tuple[HardQuestion, ...]:
    return tuple(draw_question(seed, (family, sub), held_out=True) for seed in range(40, 44))


@cache
def texts(held_out: bool) -> list[str]:
    """Return expressions of every kind, without painting their scenes."""
    found = []
    rng = np.random.default_rng(11)
    for asked in SUBS:
        for _ in range(4):
            try:
                found.append(_text(_draft(rng, asked, held_out, False), asked[0]))
            except NoRoom:
                continue
    return found


@pytest.mark.parametrize(("family", "sub"), SUBS)
def test_words_mean_what_is_meant_and_nothing_else(family: str, sub: str) -> None:
    for question in drawn(family, sub):
        assert may_be_meant(question) == set(question.meant), question.text


@pytest.mark.parametrize(("family", "sub"), SUBS)
def test_each_part_has_a_near_miss(family: str, sub: str) -> None:
    for question in drawn(family, sub):
        missed = set(question.near.values())
        assert len(question.near) >= MISSES.get(sub, 1), question.text
        assert missed <= set(question.asked) - set(question.meant), question.text


@pytest.mark.parametrize(("family", "sub"), SUBS)
def test_masks_and_boxes_are_what_is_visible(family: str, sub: str) -> None:
    for question in drawn(family, sub):
        scene = question.scene
        assert scene.image.shape == (336, 336, 3)
        assert np.sum([thing.mask for thing in scene.objects], axis=0).max() == 1, question.text
        at_border = set()
        for at, thing in enumerate(scene.objects):
            rows, columns = np.flatnonzero(thing.mask.any(1)), np.flatnonzero(thing.mask.any(0))
            assert thing.box_xyxy == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            if min(thing.box_xyxy[:2]) == 0 or max(thing.box_xyxy[2:]) == 336:
                at_border.add(at)
            else:
                assert max(thing.box_xyxy[2] - thing.box_xyxy[0], thing.box_xyxy[3] - thing.box_xyxy[1]) >= 12
        if sub in ("cut", "edge"):
            assert set(question.meant) <= at_border
        else:
            assert not at_border, question.text


def test_what_is_cut_shows_a_part_of_its_sprite() -> None:
    whole = {}
    for question in drawn("place", "cut"):
        (meant,) = question.meant
        x0, y0, x1, y1 = question.scene.objects[meant].box_xyxy
        inner = question.scene.objects[question.near["cut"]].box_xyxy
        assert min(x0, y0) == 0 or max(x1, y1) == 336
        assert min(inner[:2]) > 0
        assert max(inner[2:]) < 336
        border = question.scene.objects[meant].mask
        touching = max(border[0].sum(), border[-1].sum(), border[:, 0].sum(), border[:, -1].sum())
        whole[question.text] = touching
    assert min(whole.values()) >= 2, whole  # a whole object would touch at a point or a side of its own


def test_shares_are_those_of_the_table() -> None:
    counts = Counter(schedule("test"))
    assert sum(count for (family, _), count in counts.items() if family != ABSENT) == 500
    assert sum(count for (family, _), count in counts.items() if family == ABSENT) == 60
    assert all(
        counts[family.name, sub] == count for family in FAMILIES.values() for sub, count in family.scenes.items()
    )
    assert sum(family.real_weight for family in FAMILIES.values()) == pytest.approx(100)
    assert (count_of("test"), count_of("val"), count_of("plain")) == (560, 240, 112)
    assert sum(family == ABSENT for family, _ in schedule("val")) == 40


def held_out_in(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in HELD_OUT_WORDS if re.search(rf"\b{word}\b", text.lower())}


def test_held_out_words_are_used_and_never_in_training() -> None:
    def places(held_out: bool) -> Iterator[str]:
        rng = np.random.default_rng(2)
        for speech in (Speech(rng, style, held_out) for style in get_args(Style)):
            for way in [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y] * 40:
                yield from (speech.place(way), speech.beside(way))
                if 0 in way:
                    yield from (speech.far(way), speech.middle_of(way))

    assert not held_out_in([*texts(False), *places(False)])
    unused = set(HELD_OUT_WORDS) - held_out_in([*texts(True), *places(True)])
    assert unused <= {"abutting", "the other", "second from", "proximity"}  # of single kinds of expression
    assert len(unused) <= 2


def test_held_out_anchors_are_named_and_never_in_training() -> None:
    named = {"train": Counter[str](), "val": Counter[str]()}
    for split, held_out in (("train", False), ("val", True)):
        for asked in (("relation", "direction"), ("between", "between"), ("relation, anchor described", "described")):
            rng = np.random.default_rng(5)
            for _ in range(15):
                try:
                    draft = _draft(rng, asked, held_out, False)
                except NoRoom:
                    continue
                named[split].update(thing.kind for thing in draft.anchors)
    assert not named["train"].keys() & {"tennis court", "ship"}
    assert named["val"].keys() >= {"tennis court", "ship"}


def test_sentences_are_long_and_short_forms_are_short() -> None:
    lengths = [len(text.split()) for text in texts(True) if text.endswith(".")]
    assert min(lengths) >= 10
    assert max(lengths) <= 25
    every = texts(True)
    assert 0.35 < len(lengths) / len(every) < 0.55


def test_the_same_index_is_the_same_question() -> None:
    for split in ("train", "val", "plain"):
        one, again = hard_question(split, 3), hard_question(split, 3)  # type: ignore[arg-type]
        assert one == again
        assert np.array_equal(one.scene.image, again.scene.image)
    assert hard_question("train", 4).text != hard_question("train", 3).text


def test_absent_objects_are_absent() -> None:
    for form in ("place", "relation", "attributes"):
        for seed in range(3):
            question = draw_question(seed, (ABSENT, form), held_out=True)
            said = question.near or {}
            assert question.absent
            assert question.box_xyxy is None
            assert not question.mask.any()
            assert all(at in question.asked for at in said.values())


def test_plain_scenes_are_as_short_as_real_lists() -> None:
    lengths = [len(draw_question(seed, ("place", "middle"), held_out=True, plain=True).asked) for seed in range(16)]
    assert np.mean(lengths) < 3.5
    assert min(lengths) == 1
