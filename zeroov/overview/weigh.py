"""Ask the model a question with few possible answers, and read how likely each is: one pass, no text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from zeroov.errors import RecipeError
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import Prefix, ask, forward
from zeroov.overview.prompt import words_of


def weigh(
    models: OverviewModels, prefixes: Sequence[Prefix], questions: Sequence[str], answers: Sequence[str]
) -> list[tuple[float, ...]]:
    """Return, for each question about a picture that the model has read, how likely each of `answers` is among them.

    They sum to 1. An answer counts by its first token, as it is and in lower case; two answers must not begin alike.
    """
    first = [_first_tokens(models, answer) for answer in answers]
    if len(set().union(*first)) < sum(map(len, first)):
        raise RecipeError(f"the answers {', '.join(answers)} begin with the same token of {models.name}")
    if models.family.recurrent and len(prefixes) > 1:  # see `ask`
        each = zip(prefixes, questions, strict=True)
        return [weigh(models, [read], [question], answers)[0] for read, question in each]
    asked = ask(models, prefixes, [words_of(models, question) for question in questions])
    with torch.inference_mode():
        inputs = {"input_ids": asked.words, "attention_mask": asked.mask}
        logits = forward(models, asked.cache, asked.positions, **inputs).logits[:, -1].float()
    shares = torch.stack([logits[:, sorted(tokens)].logsumexp(dim=-1) for tokens in first], dim=1).softmax(dim=1)
    return [tuple(row) for row in shares.cpu().tolist()]


def _first_tokens(models: OverviewModels, answer: str) -> set[int]:
    tokenizer = models.processor.tokenizer
    forms = {answer, answer.lower()}
    return {int(tokenizer(form, add_special_tokens=False).input_ids[0]) for form in forms}
