"""Throw-away heads: what each self-attention layer of the UNet reads must tell whose cell it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.training.diffusion.build import self_attentions
from zeroov.mini.kinds import COLOURS, KINDS

KIND_OUT, COLOUR_OUT, PLACE_OUT = len(KINDS) + 1, len(COLOURS) + 1, 4
GROUND_BOX = (0.5, 0.5, 1.0, 1.0)
"""Centre and sides of the ground, which is one thing like the others."""


LOGIT_SCALE = 10.0


class CosineHead(nn.Module):
    """Give the cosines of each cell with one learned direction per output, in float32.

    A plain linear head reads what it needs at any strength; this one asks that it be most of what the cell holds.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(KIND_OUT + COLOUR_OUT + PLACE_OUT, width))

    def forward(self, cells: Tensor) -> Tensor:
        """Take (B, cells, width), whose cells have length sqrt(width) from the norm before."""
        read: Tensor = F.linear(cells.float(), F.normalize(self.weight, dim=1)) / cells.shape[-1] ** 0.5
        return read


class CellHeads(nn.Module):
    """Cosine heads on the inputs of the self-attention layers: kind (or ground), colour, and the object's place.

    The place is its box's centre and sides, so that two of a kind are told apart. Attention weights enter no loss.
    """

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        layers = self_attentions(unet)
        self.heads = nn.ModuleList([CosineHead(layer.to_q.in_features) for layer in layers.values()])
        self.seen: list[Tensor] = []
        for layer in layers.values():
            layer.register_forward_pre_hook(self._keep, with_kwargs=True)

    def _keep(self, _: nn.Module, inputs: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        if self.training:
            self.seen.append(inputs[0] if inputs else kwargs["hidden_states"])

    def loss(self, owners: dict[int, Tensor], facts: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Return the losses by name.

        `owners` holds per grid side (B, side, side) the object of each cell, -1 for none; `facts` is
        (B, objects, FACTS); each picture counts by its `weight` (B,).
        """
        sums = {name: facts.new_zeros(()) for name in ("kind", "colour", "place")}
        for head, seen in zip(self.heads, self.seen, strict=True):
            owner = owners[round(seen.shape[1] ** 0.5)].flatten(1).long()
            there = owner >= 0
            truths = facts.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, facts.shape[2]))
            kind = torch.where(there, truths[..., 0].long() + 1, 0)
            colour = torch.where(there, truths[..., 1].long() + 1, 0)
            box = torch.where(there[..., None], truths[..., 2:], truths.new_tensor(GROUND_BOX))
            of_kind, of_colour, place = head(seen).split([KIND_OUT, COLOUR_OUT, PLACE_OUT], dim=-1)
            losses = {
                "kind": F.cross_entropy(LOGIT_SCALE * of_kind.transpose(1, 2), kind, reduction="none"),
                "colour": F.cross_entropy(LOGIT_SCALE * of_colour.transpose(1, 2), colour, reduction="none"),
                "place": (0.5 + place - box).abs().sum(-1),
            }
            share = weight[:, None] * (1 + 2 * there)
            for name, loss in losses.items():
                sums[name] = sums[name] + (loss * share).sum() / share.sum()
        self.seen.clear()
        return {name: value / len(self.heads) for name, value in sums.items()}
