"""Let the model answer greedily: the one loop for all that it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import GenerationConfig, RepetitionPenaltyLogitsProcessor

from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import Asked, forward


class Watcher(Protocol):
    """What looks at each step of an answer."""

    def step(self, scores: Tensor, active: Tensor) -> None:
        """Take the scores (B, tokens) from which the next token is chosen, and who is still answering, bool (B,)."""


def decode(
    models: OverviewModels,
    asked: Asked,
    new_tokens: int,
    *,
    watchers: Sequence[Watcher] = (),
    penalty: float = 0.0,
    over: Callable[[Sequence[int]], bool] | None = None,
) -> list[list[int]]:
    """Return the tokens of each answer, its end included; no more than `new_tokens`.

    Greedy, but otherwise as the model's own generation config says: where an answer ends, and the repetition penalty
    (Qwen2.5-VL: 1.05), unless `penalty` is another one. An answer also ends where `over` says so of its tokens.
    """
    ends, penalise = ends_of(models), _penalty(models, penalty)
    words, positions, mask, history = asked.words, asked.positions, asked.mask, asked.history
    answers: list[list[int]] = [[] for _ in asked.prefixes]
    going = [True] * len(answers)
    with torch.inference_mode():
        for _ in range(new_tokens):
            scores = forward(models, asked.cache, positions, input_ids=words, attention_mask=mask).logits[:, -1].float()
            scores = scores.to(models.device)
            if penalise:
                scores = penalise(history, scores)
            active = torch.tensor(going, device=models.device)
            for watcher in watchers:
                watcher.step(scores, active)
            words = scores.argmax(dim=-1, keepdim=True)
            for row, token in enumerate(words.flatten().tolist()):
                if going[row]:
                    answers[row].append(token)
                    going[row] = token not in ends and not (over and over(answers[row]))
            if not any(going):
                break
            positions = positions[:, -1:] + 1
            mask = torch.nn.functional.pad(mask, (0, 1), value=1)
            history = torch.cat([history, words], dim=1)
    return answers


def ends_of(models: OverviewModels) -> list[int]:
    """Return the tokens that end an answer."""
    ends = _config(models).eos_token_id
    return [end for end in (ends if isinstance(ends, list) else [ends]) if end is not None]


def pieces_of(models: OverviewModels, tokens: Sequence[int]) -> list[str]:
    """Return the text of each token of an answer; marks of a family that has some are text too."""
    words = [token for token in tokens if token not in ends_of(models)]
    pieces: list[str] = models.processor.tokenizer.batch_decode(
        [[token] for token in words], skip_special_tokens=not models.family.thinks
    )
    return pieces


def text_of(models: OverviewModels, tokens: Sequence[int]) -> str:
    """Return the text of an answer; marks of a family that has some are text too."""
    words = [token for token in tokens if token not in ends_of(models)]
    text: str = models.processor.tokenizer.decode(words, skip_special_tokens=not models.family.thinks)
    return text


def _penalty(models: OverviewModels, penalty: float) -> Callable[[Any, Any], Tensor] | None:
    value = penalty or _config(models).repetition_penalty or 1.0
    return None if value == 1.0 else RepetitionPenaltyLogitsProcessor(value)


def _config(models: OverviewModels) -> GenerationConfig:
    return models.model.generation_config or GenerationConfig()
