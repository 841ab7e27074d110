"""Write questions and answers as token numbers, and know what they name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import Qwen2Tokenizer

from scripts.training.vlm.tokens import NUMBERS, PROMPT_HEAD, PROMPT_TAIL, SYSTEM
from zeroov.mini.expressions import SYNONYMS
from zeroov.mini.kinds import COLOURS, KINDS

SPAN = 30
"""Tokens of one turn, padded: from <|vision_end|> to the answer's closing bracket."""
HEAD_TEXT = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n<|vision_start|>"

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Words:
    """The token numbers that training needs to know."""

    head: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    kinds: tuple[int, ...]
    """'nothing', then the kinds."""
    colours: tuple[int, ...]
    sizes: tuple[int, ...]
    numbers: tuple[int, ...]
    """The tokens of 0 to 1024; 0 to 9 are bytes, so the numbers are not in a row."""
    opening: int
    empty: int
    comma: int
    closing: int
    end: int
    pad: int

    @staticmethod
    def of(tokenizer: Qwen2Tokenizer) -> Words:
        """Look the words up in a tokenizer."""

        def ids(text: str) -> tuple[int, ...]:
            found: Any = tokenizer(text).input_ids
            return tuple(found)

        def last(text: str) -> int:
            return ids(" " + text)[-1]

        return Words(
            head=ids(HEAD_TEXT),
            before=ids(f"<|vision_end|>{PROMPT_HEAD} "),
            after=ids(f"{PROMPT_TAIL}<|im_end|>\n<|im_start|>assistant\n"),
            kinds=(last("nothing"), *(last(kind) for kind in KINDS)),
            colours=tuple(last(colour) for colour in COLOURS),
            sizes=(last("small"), last("large")),
            numbers=tuple(ids(str(number))[0] for number in range(NUMBERS)),
            opening=ids("[")[0],
            empty=ids("[]")[0],
            comma=ids(", ")[0],
            closing=ids("]")[0],
            end=ids("<|im_end|>")[0],
            pad=ids("<|endoftext|>")[0],
        )


class TurnWriter:
    """Write questions and answers as token numbers."""

    def __init__(self, tokenizer: Qwen2Tokenizer) -> None:
        self.words = Words.of(tokenizer)
        phrase: Any = lru_cache(maxsize=200_000)(lambda text: tuple(tokenizer(" " + text).input_ids))
        self._phrase = phrase
        question: Any = lru_cache(maxsize=1_000)(lambda text: tuple(tokenizer(list_question(text)).input_ids))
        self._list_question = question

    def write(self, text: str, box_xyxy: tuple[int, ...] | None, span: int = SPAN) -> tuple[Int, Int, Int] | None:
        """Return ids, labels (span,) and the box of a turn about an expression; `None` if it is too long."""
        w = self.words
        question = [*w.before, *self._phrase(text), *w.after]
        answer = [w.opening] if box_xyxy else [w.empty]
        for number, value in enumerate(box_xyxy or ()):
            answer += [w.numbers[value]] if number == 0 else [w.comma, w.numbers[value]]
        answer += [w.closing, w.end] if box_xyxy else [w.end]
        if len(question) + len(answer) - 1 > span:
            return None
        ids = np.full(span, w.pad, np.int64)
        labels = np.full(span, -1, np.int64)
        whole = question + answer
        ids[: len(whole) - 1] = whole[:-1]
        labels[len(question) - 1 : len(whole) - 1] = answer
        return ids, labels, np.array(box_xyxy or (-1, -1, -1, -1), np.int64)

    def write_list(self, name: str, boxes_xyxy: list[tuple[int, ...]], span: int) -> tuple[Int, Int] | None:
        """Return ids and labels (span,) of a turn that lists boxes from left to right; `None` if it is too long."""
        w = self.words
        question, answer = list(self._list_question(name)), [w.empty, w.end]
        if boxes_xyxy:
            answer = []
            for box in sorted(boxes_xyxy):
                answer += [w.comma, w.opening] if answer else [w.opening]
                for number, value in enumerate(box):
                    answer += [w.numbers[value]] if number == 0 else [w.comma, w.numbers[value]]
                answer.append(w.closing)
            answer.append(w.end)
        if len(question) + len(answer) - 1 > span:
            return None
        ids, labels = np.full(span, w.pad, np.int64), np.full(span, -1, np.int64)
        whole = question + answer
        ids[: len(whole) - 1] = whole[:-1]
        labels[len(question) - 1 : len(whole) - 1] = answer
        return ids, labels


def list_question(name: str) -> str:
    """Return what follows the picture in a turn that asks for every object of a name."""
    return f"<|vision_end|>Locate every {name}.{PROMPT_TAIL}<|im_end|>\n<|im_start|>assistant\n"


def said(text: str) -> tuple[int, int]:
    """Read the kind (counted from 1) and colour (-1 for none) that an expression gives the object it means."""
    names = {**{kind: kind for kind in KINDS}, **{other: kind for kind, other in SYNONYMS.items()}}
    at, minus_length = min((text.find(name), -len(name)) for name in names if name in text)
    kind = names[text[at : at - minus_length]]
    before = text[:at].split()[-1]
    return list(KINDS).index(kind) + 1, list(COLOURS).index(before) if before in COLOURS else -1
