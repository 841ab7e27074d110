"""Orthogonalise the momentum of every matrix, block by block (Muon), and take AdamW steps on everything else."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def orthogonalise(blocks: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of each block (N, rows, columns), rows <= columns, near one by Newton-Schulz."""
    x: Tensor = blocks / (blocks.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


class BlockMuon(torch.optim.Optimizer):
    """Muon on matrices cut into blocks of `block` rows (or columns, where those are the wider side's inner width).

    A matrix (r, c) with c == width is cut along its rows, else it is transposed first; so attention matrices are cut
    by head, and all blocks of all matrices go through one batched Newton-Schulz.
    """

    def __init__(
        self, groups: Iterable[tuple[list[nn.Parameter], int, int]], lr: float, momentum: float = 0.95
    ) -> None:
        listed = [{"params": params, "width": width, "block": block} for params, width, block in groups]
        super().__init__(listed, {"lr": lr, "momentum": momentum, "decay": 0.01})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            width, block = group["width"], group["block"]
            live = [p for p in group["params"] if p.grad is not None]
            if not live:
                continue
            cut: list[Tensor] = []
            for p in live:
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                moving = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                wanted = p.grad.lerp(moving, group["momentum"])
                cut.append((wanted if p.shape[1] == width else wanted.T).reshape(-1, block, width))
            turned = orthogonalise(torch.cat(cut)) * (0.2 * width**0.5)
            at = 0
            for p, piece in zip(live, cut, strict=True):
                update = turned[at : at + len(piece)].reshape(-1, width)
                at += len(piece)
                p.mul_(1 - group["lr"] * group["decay"])
                p.sub_(update if p.shape[1] == width else update.T, alpha=group["lr"])
