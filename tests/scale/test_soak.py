"""A batch whose workers are killed and whose disk is full holds what an undisturbed one holds: a small soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.soak_scale import NEVER, soak


@pytest.mark.far
def test_killed_workers_a_full_disk_and_an_object_that_never_answers_change_no_answer(tmp_path: Path) -> None:
    told = soak(tmp_path, pictures=80, kills=3)
    assert told["kills"] == 3
    assert all(told["same"].values()), told
    assert told["twice"] == 0
    assert (told["images"], told["found"]) == (80, 79)
    ((name, reason),) = told["failed"].items()
    assert name.endswith(NEVER)
    assert "503" in reason
    assert told["full_disk"] == 1
    assert 0 < told["answers_before_it"] < 20
    assert "cannot be written" in told["full_disk_said"]
