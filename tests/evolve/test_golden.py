"""Against arrays made by the official code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHARED
from zeroov import evolve

HERE = Path(__file__).parent / "golden"  # two of them travel with the repository: a non-square map, the degenerate one
FILES = sorted({p.name: p for p in (*HERE.glob("*.npz"), *(SHARED / "golden").glob("*.npz"))}.values())


def test_the_golden_arrays_are_here() -> None:
    assert {"evolve_01.npz", "evolve_05.npz"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reproduces_the_official_arrays(path: Path) -> None:
    golden = np.load(path)
    official = evolve.to_grid(golden["cross"], (32, 32), official=True)
    right = evolve.to_grid(golden["cross"], (32, 32))
    np.testing.assert_allclose(official, golden["cross32_official"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(right, golden["cross32_right"], atol=1e-5, rtol=0)
    for cross in (official, right):  # the fused map is scaled at the end, so both normalisations give it
        fused = evolve.fuse(cross, golden["affinity"])
        np.testing.assert_allclose(fused, golden["fused"], atol=1e-5, rtol=0)
        region = evolve.grow(fused, cross)
        np.testing.assert_array_equal(region, golden["region"])
        np.testing.assert_array_equal(evolve.binarise(fused, region, (100, 140)), golden["mask_100x140"])
