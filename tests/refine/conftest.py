from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from zeroov.recipe import RefineRecipe
from zeroov.refine.families import FAMILIES
from zeroov.refine.load import load_sam
from zeroov.tiny.segmenters import SEGMENTERS
from zeroov.types import Picture

CPU = torch.device("cpu")


def is_here(family: str) -> bool:
    """Say if this transformers, and the packages beside it, have a family."""
    of = FAMILIES[family]
    return hasattr(transformers, of.class_name) and not (of.extra and find_spec(of.extra) is None)


HERE = [
    pytest.param(family, marks=pytest.mark.skipif(not is_here(family), reason="not in this transformers, or no timm"))
    for family in SEGMENTERS
]


@pytest.fixture(scope="session")
def sam(tiny: Path) -> Any:
    return load_sam(tiny / "sam.pth", RefineRecipe(type="vit_tiny"), CPU)


@pytest.fixture
def picture(rng: np.random.Generator) -> Picture:
    """Return a picture that is wider than high."""
    return Picture(rng.integers(0, 256, (120, 200, 3), dtype=np.uint8))
