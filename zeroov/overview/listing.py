"""Ask the model for every object of a kind, and read all boxes of its answer, each with how surely it was begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from zeroov import frames
from zeroov.frames import HW
from zeroov.overview.answer import box_spans
from zeroov.overview.generate import generate
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import build_prompt
from zeroov.recipe import CandidatesRecipe, OverviewRecipe
from zeroov.types import Box, Listing, Picture

LOOP = 3  # so many times the same tokens in a row are a loop
SHORTEST_LOOP, LONGEST_LOOP = 4, 80  # tokens: "111" is a number; a box and its label
SAME = 0.9  # IoU of two boxes of one list that are one object


class _Surest(LogitsProcessor):
    """Keep, for each step, the probability of the token that greedy decoding takes."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logits = scores.float()
        self.steps.append((logits.amax(dim=-1) - logits.logsumexp(dim=-1)).exp().cpu())
        return scores


class _Looping(StoppingCriteria):
    """End the answers that say the same again and again."""

    def __init__(self, prompt_length: int) -> None:
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        answered = input_ids[:, self.prompt_length :][:, -LOOP * LONGEST_LOOP :].tolist()
        return torch.tensor([repeats(tokens) for tokens in answered], device=input_ids.device)


def repeats(tokens: Sequence[int]) -> bool:
    """Return whether a sequence ends in the same tokens, `LOOP` times in a row."""
    return any(
        all(tokens[-1 - offset] == tokens[-1 - offset - period] for offset in range(period * (LOOP - 1)))
        for period in range(SHORTEST_LOOP, min(LONGEST_LOOP, len(tokens) // LOOP) + 1)
    )


def list_objects(
    models: OverviewModels,
    pictures: Sequence[Picture],
    kinds: Sequence[str],
    recipe: CandidatesRecipe,
    overview: OverviewRecipe,
) -> list[Listing]:
    """Ask for every object of a kind in each picture, in one generate call; `overview` says at which size."""
    prompt = build_prompt(models, pictures, [recipe.prompt.replace("{kind}", kind) for kind in kinds], overview)
    inputs = {key: value.to(models.device) for key, value in prompt.inputs.items()}
    surest = _Surest()
    penalty = {"repetition_penalty": recipe.repetition_penalty} if recipe.repetition_penalty else {}
    tokens = generate(
        models,
        inputs,
        recipe.max_new_tokens,
        logits_processor=LogitsProcessorList([surest]),
        stopping_criteria=StoppingCriteriaList([_Looping(inputs["input_ids"].shape[1])]),
        **penalty,
    )
    tokenizer = models.processor.tokenizer
    listings = []
    for sample, picture in enumerate(pictures):
        pieces = tokenizer.batch_decode(tokens[sample, :, None], skip_special_tokens=True)
        sure = [float(step[sample]) for step in surest.steps]
        frame = models.family.answer_frame_hw(prompt.resized_hw[sample])
        boxes, scores = boxes_of(pieces, sure, frame, picture.hw, recipe.most)
        listings.append(Listing(boxes, scores, "".join(pieces).strip(), models.name, models.revision))
    return listings


def boxes_of(
    pieces: Sequence[str], sure: Sequence[float], frame_hw: HW, image_hw: HW, most: int
) -> tuple[tuple[Box, ...], tuple[float, ...]]:
    """Return the boxes of an answer in image pixels, and the score of each.

    The score is the least probability among the tokens between the box before and the first number: where the model
    decides to name one more. A box that comes a second time, and what has no area inside the image, is left out.
    """
    text, starts = "", []
    for piece in pieces:
        starts.append(len(text))
        text += piece
    boxes: list[Box] = []
    scores: list[float] = []
    end = 0
    for corners, first, last in box_spans(text):
        steps = [step for step, start in enumerate(starts) if end <= start < first and pieces[step]]
        score = min((sure[step] for step in steps), default=sure[0] if sure else 0.0)
        end = last
        box = frames.scale_box(corners, frame_hw, image_hw)
        if box and not any(frames.box_iou(box, other) > SAME for other in boxes) and len(boxes) < most:
            boxes.append(box)
            scores.append(score)
    return tuple(boxes), tuple(scores)
