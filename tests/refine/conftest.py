from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zeroov.recipe import RefineRecipe
from zeroov.refine.load import load_sam
from zeroov.types import Picture

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def sam(tiny: Path) -> Any:
    return load_sam(tiny / "sam.pth", RefineRecipe(type="vit_tiny"), CPU)


@pytest.fixture
def picture(rng: np.random.Generator) -> Picture:
    """Return a picture that is wider than high."""
    return Picture(rng.integers(0, 256, (120, 200, 3), dtype=np.uint8))
