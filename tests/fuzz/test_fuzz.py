"""A few inputs of every fuzz target, the same each time; `scripts/fuzz.py` tries many, others with each seed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rasterio")
from tests.fuzz.cases import attempt
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
SLOW_TO_BEGIN = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()

    @settings(max_examples=TARGETS[name].examples, derandomize=True, suppress_health_check=SLOW_TO_BEGIN, database=None)
    @given(st.randoms(use_true_random=False, note_method_calls=True))
    def search(random: Random) -> None:
        attempt(TARGETS[name].case, random, folder)

    search()
