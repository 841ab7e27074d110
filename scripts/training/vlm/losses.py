"""The losses: answers token by token, numbers with soft labels, and what each image token shows."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.training.vlm.tokens import NUMBERS
from scripts.training.vlm.turns import Words


def soft_numbers(sigma: float) -> Tensor:
    """Make the table of soft labels (NUMBERS, NUMBERS): row n is a Gaussian around n."""
    numbers = torch.arange(NUMBERS).float()
    return torch.softmax(-((numbers[:, None] - numbers[None]) ** 2) / (2 * sigma**2), 1)


@lru_cache(maxsize=4)
def number_of(vocabulary: int, words: Words) -> Tensor:
    """Make the table (vocabulary,) from token to number, -1 for what is none."""
    value = torch.full((vocabulary,), -1)
    value[list(words.numbers)] = torch.arange(NUMBERS)
    return value


def mean_of(each: Tensor) -> Tensor:
    """Return the mean, 0 of nothing: a small batch may name no colour, or hold no object."""
    return each.sum() / max(1, each.numel())


class DenseHeads(nn.Module):
    """Throw-away heads on image tokens after an early layer, tied to the model's own word embeddings.

    Kind, colour and size are read with the embedding table itself, so that a token which shows a red plane comes to
    hold the words; each box side has one matrix of its own before the table's numbers.
    """

    def __init__(self, width: int, after: tuple[int, ...]) -> None:
        super().__init__()
        self.after = after
        """The layers (0-based) after which image tokens are supervised."""
        turns = [torch.stack([torch.linalg.qr(torch.randn(width, width))[0] for _ in range(4)]) for _ in after]
        self.sides = nn.ParameterList([nn.Parameter(turn * 0.5) for turn in turns])

    def forward(
        self, states: list[Tensor], table: Tensor, words: Words, truth: dict[str, Tensor], soft: Tensor
    ) -> dict[str, Tensor]:
        """Return the mean losses; `states` are image-token states (B, cells, d) after each supervised layer."""
        kind, colour, large, box = truth["kind"], truth["colour"], truth["large"], truth["box"]
        there = kind > 0
        numbers = table[list(words.numbers)]
        losses = {"kind": table.new_zeros(()), "colour": table.new_zeros(()), "side": table.new_zeros(())}
        for state, sides in zip(states, self.sides, strict=True):
            x = F.rms_norm(state.float(), (state.shape[-1],))
            losses["kind"] += F.cross_entropy(
                (x @ table[list(words.kinds)].T).flatten(0, 1), kind.flatten(), ignore_index=-1
            )
            x = x[there]
            losses["colour"] += mean_of(
                F.cross_entropy(x @ table[list(words.colours)].T, colour[there], reduction="none")
            )
            size = F.cross_entropy(x @ table[list(words.sizes)].T, large[there], reduction="none")
            losses["colour"] += 0.3 * mean_of(size)
            guess = torch.einsum("nd,sde->nse", x, sides) @ numbers.T
            losses["side"] += mean_of(-(soft[box[there]] * guess.log_softmax(-1)).sum(-1))
        return {name: value / len(states) for name, value in losses.items()}

    @torch.no_grad()
    def read_off(self, state: Tensor, table: Tensor, words: Words, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """Read kind, colour and box (B, cells, 4) off image tokens, to see how far the dense part has come."""
        x = F.rms_norm(state.float(), (state.shape[-1],))
        guess = torch.einsum("bnd,sde->bnse", x, self.sides[layer]) @ table[list(words.numbers)].T
        return (
            (x @ table[list(words.kinds)].T).argmax(-1),
            (x @ table[list(words.colours)].T).argmax(-1),
            guess.argmax(-1),
        )


def said_loss(
    states: list[Tensor], table: Tensor, words: Words, labels: Tensor, kind: Tensor, colour: Tensor
) -> dict[str, Tensor]:
    """Return the loss of the answer's positions not holding, after some early layers, the words for what is sought.

    Tied to the word embeddings like the dense heads, so that question and image token come to hold the same vectors.
    """
    wanted = labels >= 0
    kinds, colours = (said[..., None].expand_as(labels)[wanted] for said in (kind, colour))
    total = table.new_zeros(())
    for state in states:
        x = F.rms_norm(state[wanted].float(), (state.shape[-1],))
        total = total + F.cross_entropy(x @ table[list(words.kinds)].T, kinds)
        named = colours >= 0
        total = total + mean_of(
            F.cross_entropy(x[named] @ table[list(words.colours)].T, colours[named], reduction="none")
        )
    return {"said": total / len(states)}


def answer_loss(final: Tensor, table: Tensor, labels: Tensor, words: Words, soft: Tensor) -> dict[str, Tensor]:
    """Return the losses of the number tokens (soft labels) and of the answer's other tokens."""
    wanted = labels >= 0
    states, labels = final[wanted].float(), labels[wanted]
    scores = (states @ table.T).log_softmax(-1)
    value = number_of(table.shape[0], words).to(labels.device)[labels]
    number = value >= 0
    rows = scores[number][:, list(words.numbers)]
    soft_loss = mean_of(-(soft[value[number]] * rows).sum(-1))
    return {"number": soft_loss, "shape": F.nll_loss(scores[~number], labels[~number])}
