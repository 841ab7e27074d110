"""How well the rules choose among true boxes: `python -m scripts.bench_choose --split val`. No model is loaded.

Of each question of the hard split the candidates are the true boxes of the asked kind, the anchors those of the kinds
that the expression names, and colours are known. What is lost here is lost by reading and rules.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from zeroov.candidates.choose import choose
from zeroov.candidates.evidence import RATIO
from zeroov.language.phrase import Phrase, parse
from zeroov.mini.expressions import SYNONYMS
from zeroov.mini.hard import HardQuestion, count_of, hard_question
from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import SceneObject
from zeroov.types import Anchor, Box, Candidate, Choice

NAMES = {**{kind: kind for kind in KINDS}, **{other: kind for kind, other in SYNONYMS.items()}}


def kind_of(category: str) -> str | None:
    """Return the kind of the drawn world that a noun phrase names."""
    return next((kind for name, kind in NAMES.items() if category.endswith(name)), None)


def objects_of(question: HardQuestion, category: str) -> list[SceneObject]:
    """Return the objects of a scene that a noun phrase names."""
    kind = kind_of(category)
    return [thing for thing in question.scene.objects if thing.kind == kind]


def candidates_of(things: Sequence[SceneObject], scores: Sequence[float]) -> tuple[Candidate, ...]:
    """Return objects as candidates."""
    boxes = [Box(*map(float, thing.box_xyxy)) for thing in things]
    return tuple(Candidate(box, score) for box, score in zip(boxes, scores, strict=True))


def colours_of(phrase: Phrase, things: Sequence[SceneObject]) -> tuple[float, ...]:
    """Return the factor that a second look at each object would give for the colours of an expression."""
    said = [word for word in phrase.attributes if word in COLOURS]
    return tuple(1.0 if not said or thing.colour in said else RATIO**-2 for thing in things)


def anchors_of(question: HardQuestion, phrase: Phrase) -> Iterator[Anchor]:
    """Yield the objects of the kinds that the expression names beside its own, as sure as their colours fit."""
    for number, others in enumerate(phrase.anchors):
        for part, anchor in enumerate(others):
            things: Sequence[SceneObject] = objects_of(question, anchor.category)
            if phrase.same_kind(anchor):
                if not anchor.visible:
                    continue
                things = [question.scene.objects[at] for at in question.asked]
            yield Anchor(number, candidates_of(things, colours_of(anchor, things)), part)


def answer(question: HardQuestion) -> tuple[Choice, bool]:
    """Return the choice among a question's true boxes, and whether it is what is meant."""
    phrase = parse(question.text)
    things = [question.scene.objects[at] for at in question.asked]
    extra = {"attributes": colours_of(phrase, things)}
    candidates = candidates_of(things, [1.0] * len(things))
    choice = choose(candidates, phrase, question.scene.height_width, list(anchors_of(question, phrase)), extra)
    chosen = choice.group or choice.order[:1]
    return choice, {question.asked[at] for at in chosen} == set(question.meant)


def main() -> None:
    """Print shares of right choices by kind of expression, and the wrong ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="val", choices=("val", "test", "plain", "train"))
    parser.add_argument("--questions", type=int, help="how many; of train there is no end")
    parser.add_argument("--wrong", action="store_true", help="print the questions that were answered wrongly")
    args = parser.parse_args()
    right: dict[str, list[bool]] = defaultdict(list)
    sure: list[tuple[bool, bool]] = []
    for index in range(args.questions or count_of(args.split)):
        question = hard_question(args.split, index)
        if question.absent:
            continue
        choice, is_right = answer(question)
        right[question.family].append(is_right)
        sure.append((choice.undecided, is_right))
        if args.wrong and not is_right:
            factors = {name: np.round(values, 2).tolist() for name, values in choice.factors.items()}
            place = {at: number for number, at in enumerate(question.asked)}
            meant = [place[at] for at in question.meant if at in place]
            print(f"{index} {question.family}/{question.sub}: {question.text}")
            print(f"    meant {meant}, {choice.order}: {factors}")
    for family, hits in sorted(right.items()):
        print(f"{family:30} {np.mean(hits):.3f}  n = {len(hits)}")
    everything = [hit for hits in right.values() for hit in hits]
    print(f"{'all':30} {np.mean(everything):.3f}  n = {len(everything)}")
    for undecided in (False, True):
        own = [hit for is_open, hit in sure if is_open == undecided]
        if own:
            print(f"{'undecided' if undecided else 'decided':30} {np.mean(own):.3f}  n = {len(own)}")


if __name__ == "__main__":
    main()
