"""Send the shards of a command to Slurm through submitit; a job that is stopped goes on from its journal."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.errors import UsageError, ZeroovError, count_of, did_you_mean

log = logging.getLogger("zeroov")

INSTALL = "`pip install 'zeroov[slurm]'`"
KEYS = ("shards", "partition", "gpus", "hours", "at_once", "cpus", "memory_gib", "account")
NUMBERS = ("shards", "gpus", "at_once", "cpus", "memory_gib")


@dataclass(frozen=True)
class Slurm:
    """What is asked of Slurm: so many shards, each with its own share of a machine, `at_once` of them at a time."""

    shards: int
    partition: str = ""
    gpus: int = 0
    hours: float = 12.0
    at_once: int = 16
    cpus: int = 4
    memory_gib: int = 32
    account: str = ""

    @classmethod
    def parse(cls, text: str) -> Slurm:
        """Read `shards=128,partition=gpu,gpus=1,hours=12,at_once=16`."""
        values: dict[str, Any] = {}
        for part in text.split(","):
            key, separator, value = (piece.strip() for piece in part.partition("="))
            if key not in KEYS:
                raise UsageError(f"--slurm does not know `{key}`{did_you_mean(key, KEYS)}")
            try:
                values[key] = int(value) if key in NUMBERS else float(value) if key == "hours" else value
            except ValueError as error:
                raise UsageError(f"--slurm {key}={value}: a number is wanted") from error
            if not separator or not value or (key in (*NUMBERS, "hours") and values[key] < (key != "gpus")):
                raise UsageError(f"--slurm {part}: write {key}=VALUE, a number from 1 up where it is one")
        if "shards" not in values:
            raise UsageError("--slurm needs the number of parts: --slurm shards=128,partition=gpu,gpus=1")
        return cls(**values)

    def parameters(self) -> dict[str, Any]:
        """Return submitit's parameters."""
        slurm: dict[str, Any] = {"partition": self.partition, "account": self.account}
        return {
            "name": "zeroov",
            "timeout_min": max(1, round(60 * self.hours)),
            "cpus_per_task": self.cpus,
            "mem_gb": self.memory_gib,
            "gpus_per_node": self.gpus or None,
            "slurm_array_parallelism": self.at_once,
            **{f"slurm_{name}": value for name, value in slurm.items() if value},
        }


@dataclass(frozen=True)
class ShardJob:
    """A command of this package that does one shard: called with the shard's number, from 1, in a job of its own."""

    arguments: Sequence[str]
    count: int

    def __call__(self, index: int) -> None:
        """Do a shard. One that cannot be finished is an error of the job; images that failed are named in its log."""
        command = [sys.executable, "-m", "zeroov", *self.arguments, "--shard", f"{index}/{self.count}"]
        code = subprocess.run([*command, "--allow-failures"], check=False).returncode
        if code:
            raise RuntimeError(f"shard {index}/{self.count} ended with {code}; its log says why")

    def checkpoint(self, index: int) -> Any:
        """Return the same job: what it had answered is in the journal, and is not asked again."""
        return _submitit().helpers.DelayedSubmission(self, index)


def submit(asked: Slurm, arguments: Sequence[str], logs: Path) -> list[Any]:
    """Send a command's shards as one array job; return submitit's jobs.

    Where there is no Slurm they run on this machine, all at once, and are waited for. `logs` lies in a folder that all
    nodes see, as do the images, the models and --out.
    """
    submitit = _submitit()
    executor = submitit.AutoExecutor(folder=logs)
    executor.update_parameters(**asked.parameters())
    if executor.cluster == "local":  # each would take threads for all cores, and slow the others
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // asked.shards)))
    job = ShardJob(tuple(arguments), asked.shards)
    jobs = list(executor.map_array(job, range(1, asked.shards + 1)))
    if executor.cluster == "local":
        log.warning("there is no Slurm here (no `srun`): %s run on this machine", count_of(asked.shards, "shard"))
        failed = [each for each in jobs if each.exception() is not None]
        if failed:
            raise ZeroovError(f"{count_of(len(failed), 'shard')} failed; `{failed[0].paths.stderr}` says why")
    return jobs


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UsageError(f"--slurm needs submitit, which is not installed; {INSTALL}") from error
    return submitit
