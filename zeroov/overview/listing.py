"""Ask the model for every object of a kind, and read all boxes of its answer, each with how surely it was begun."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from zeroov import frames
from zeroov.frames import HW
from zeroov.overview.answer import box_spans, what_counts
from zeroov.overview.decode import decode, pieces_of
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import Prefix, ask
from zeroov.overview.prompt import words_of
from zeroov.recipe import CandidatesRecipe
from zeroov.types import Box, Listing, Picture

LOOP = 3  # so many times the same tokens in a row are a loop
SHORTEST_LOOP, LONGEST_LOOP = 4, 80  # tokens: "111" is a number; a box and its label
SAME = 0.9  # IoU of two boxes of one list that are one object


class _Surest:
    """Keep, for each step, the probability of the token that greedy decoding takes."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []

    def step(self, scores: Tensor, active: Tensor) -> None:
        """Take the scores (B, tokens) of a step."""
        self.steps.append((scores.amax(dim=-1) - scores.logsumexp(dim=-1)).exp().cpu())


def repeats(tokens: Sequence[int]) -> bool:
    """Return whether an answer ends in the same tokens, `LOOP` times in a row."""
    tokens = tokens[-LOOP * LONGEST_LOOP :]
    return any(
        all(tokens[-1 - offset] == tokens[-1 - offset - period] for offset in range(period * (LOOP - 1)))
        for period in range(SHORTEST_LOOP, min(LONGEST_LOOP, len(tokens) // LOOP) + 1)
    )


def list_objects(
    models: OverviewModels,
    pictures: Sequence[Picture],
    prefixes: Sequence[Prefix],
    kinds: Sequence[str],
    recipe: CandidatesRecipe,
) -> list[Listing]:
    """Ask for every object of a kind in each picture, which the model has read; one answer that says it again ends."""
    if models.family.recurrent and len(prefixes) > 1:  # see `ask`
        each = zip(pictures, prefixes, kinds, strict=True)
        return [list_objects(models, [shown], [read], [kind], recipe)[0] for shown, read, kind in each]
    words = [words_of(models, recipe.prompt.replace("{kind}", kind)) for kind in kinds]
    surest = _Surest()
    answers = decode(
        models,
        ask(models, prefixes, words),
        recipe.max_new_tokens,
        watchers=[surest],
        penalty=recipe.repetition_penalty,
        over=repeats,
    )
    listings = []
    for sample, (picture, prefix, tokens) in enumerate(zip(pictures, prefixes, answers, strict=True)):
        pieces = pieces_of(models, tokens)
        sure = [float(step[sample]) for step in surest.steps[: len(tokens)]]
        frame = models.family.answer_frame_hw(prefix.resized_hw)
        text = "".join(pieces)
        counts = what_counts(text, models.family)
        boxes, scores = boxes_of(pieces, sure, frame, picture.hw, recipe.most, counts)
        listings.append(Listing(boxes, scores, text[slice(*counts)].strip(), models.name, models.revision))
    return listings


def boxes_of(
    pieces: Sequence[str],
    sure: Sequence[float],
    frame_hw: HW,
    image_hw: HW,
    most: int,
    counts: tuple[int, int] | None = None,
) -> tuple[tuple[Box, ...], tuple[float, ...]]:
    """Return the boxes of an answer, of the part of its letters that `counts`, in image pixels; the score of each.

    The score is the least probability among the tokens between the box before and the first number: where the model
    decides to name one more. A box that comes a second time, and what has no area inside the image, is left out.
    """
    text, starts = "", []
    for piece in pieces:
        starts.append(len(text))
        text += piece
    boxes: list[Box] = []
    scores: list[float] = []
    end, until = counts or (0, len(text))
    for corners, first, last in box_spans(text, end, until):
        steps = [step for step, start in enumerate(starts) if end <= start < first and pieces[step]]
        score = min((sure[step] for step in steps), default=sure[0] if sure else 0.0)
        end = last
        box = frames.scale_box(corners, frame_hw, image_hw)
        if box and not any(frames.box_iou(box, other) > SAME for other in boxes) and len(boxes) < most:
            boxes.append(box)
            scores.append(score)
    return tuple(boxes), tuple(scores)
