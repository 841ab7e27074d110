"""Random weights from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def seeded(build: Callable[[], Any], seed: int = 0) -> Any:
    """Build a model from a fixed seed without disturbing the global generator."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().eval()
