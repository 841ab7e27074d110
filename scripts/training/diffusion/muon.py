"""Orthogonalise the momentum of every matrix and kernel (Muon)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from scripts.training.vlm.muon import orthogonalise


class Muon(torch.optim.Optimizer):
    """Muon for matrices and kernels (read as (out, in * h * w)); equal shapes share one batched iteration."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor, bool]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                moving = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                wanted = p.grad.lerp(moving, group["momentum"]).flatten(1)
                turned = wanted.shape[0] > wanted.shape[1]
                wanted = wanted.T if turned else wanted
                alike[(wanted.shape[0], wanted.shape[1])].append((p, wanted, turned))
            for shape, members in alike.items():
                steps = orthogonalise(torch.stack([wanted for _, wanted, _ in members])) * (0.2 * max(shape) ** 0.5)
                for (p, _, turned), step in zip(members, steps, strict=True):
                    p.mul_(1 - group["lr"] * group["decay"])
                    p.sub_((step.T if turned else step).reshape(p.shape), alpha=group["lr"])


def split_parameters(*modules: nn.Module, skip: tuple[str, ...] = ()) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return what Muon takes (matrices and kernels of 8 x 8 and more) and what AdamW takes (the rest)."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in modules:
        for name, p in module.named_parameters():
            inner = p.numel() // max(1, p.shape[0]) if p.ndim > 1 else 1
            fits = p.ndim > 1 and min(p.shape[0], inner) >= 8 and not any(part in name for part in skip)
            (matrices if fits else others).append(p)
    return matrices, others
