"""Ask the model a question with few possible answers, and read how likely each is: one pass, no text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from zeroov.errors import RecipeError
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import build_prompt
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture


def weigh(
    models: OverviewModels,
    pictures: Sequence[Picture],
    questions: Sequence[str],
    answers: Sequence[str],
    recipe: OverviewRecipe,
) -> list[tuple[float, ...]]:
    """Return, for each picture and question, how likely each of `answers` is among them; they sum to 1.

    An answer counts by its first token, written as it is and in lower case; two answers must not begin alike.
    """
    first = [_first_tokens(models, answer) for answer in answers]
    if len(set().union(*first)) < sum(map(len, first)):
        raise RecipeError(f"the answers {', '.join(answers)} begin with the same token of {models.name}")
    prompt = build_prompt(models, pictures, questions, recipe)
    inputs = {key: value.to(models.device) for key, value in prompt.inputs.items()}
    with torch.inference_mode():
        logits = models.model(**inputs, logits_to_keep=1).logits[:, -1].float()
    shares = torch.stack([logits[:, sorted(tokens)].logsumexp(dim=-1) for tokens in first], dim=1).softmax(dim=1)
    return [tuple(row) for row in shares.cpu().tolist()]


def _first_tokens(models: OverviewModels, answer: str) -> set[int]:
    tokenizer = models.processor.tokenizer
    forms = {answer, answer.lower()}
    return {int(tokenizer(form, add_special_tokens=False).input_ids[0]) for form in forms}
