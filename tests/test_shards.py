"""Which part of a work a process does, and how it knows."""

from __future__ import annotations

import pytest

from zeroov.errors import UsageError
from zeroov.shards import ARRAYS, Shard, of_this_process


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for array in ARRAYS.values():
        for name in (array.index, array.count, array.first, array.step):
            if name:
                monkeypatch.delenv(name, raising=False)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "index", "count"),
    [
        ("", 1, 1),
        ("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=1", 7, 8),
        ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=0", 1, 8),
        ("SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=4", 3, 3),
        ("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=128", 1, 128),
        ("CLOUD_RUN_TASK_INDEX=4 CLOUD_RUN_TASK_COUNT=5", 5, 5),
        ("JOB_COMPLETION_INDEX=2 JOB_COMPLETIONS=4", 3, 4),
        ("RANK=1 WORLD_SIZE=2", 2, 2),
        ("RANK=0 WORLD_SIZE=1", 1, 1),
        ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=3 RANK=1 WORLD_SIZE=2", 4, 6),  # torchrun inside of a task
    ],
)
def test_a_process_knows_its_shard(variables: str, index: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables.split():
        monkeypatch.setenv(*variable.split("="))
    assert of_this_process() == Shard(index, count)


def test_the_number_of_tasks_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="none is set"):
        of_this_process(4)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "3")
    with pytest.raises(UsageError, match="give --of N"):
        of_this_process()
    assert of_this_process(4) == Shard(4, 4)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "4")
    with pytest.raises(UsageError, match="5/4"):
        of_this_process(4)


def test_every_thing_falls_to_one_shard_and_by_its_text_stays_there() -> None:
    texts = [f"images/{number}.tif" for number in range(200)]
    for count in (1, 3, 7):
        parts = [[text for text in texts if Shard(index + 1, count).has(text)] for index in range(count)]
        assert sorted(text for part in parts for text in part) == sorted(texts)
        assert all(len(part) > 200 / count / 2 for part in parts)
    assert Shard(3, 7).has("images/3.tif") is False
    assert Shard(2, 7).has("images/3.tif") is True, "by the text alone, in every process and version"
