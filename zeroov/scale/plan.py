"""What a batch will cost: a few of its images are asked on this machine, and the rest is multiplied."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.batch import Row, batch
from zeroov.errors import UsageError, first_few
from zeroov.ground import Pipeline
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe

DEVICES = (1, 8, 64)
HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """What was measured, in seconds and bytes, and what the whole would cost.

    `seconds` is for one image with all its questions, `load_seconds` for the models of one process, before the first
    image. `answer_bytes` and `dump_bytes` are of one image too; `failed` images of those measured count in neither.
    """

    images: int
    questions: int
    measured: int
    failed: int
    device: str
    seconds: float
    load_seconds: float
    answer_bytes: float
    dump_bytes: float

    def hours(self, devices: int) -> float:
        """Return the hours until all devices are done; each has as many images as the others, or one more."""
        return (self.load_seconds + -(-self.images // devices) * self.seconds) / HOUR

    def device_hours(self, devices: int) -> float:
        """Return the hours of all devices together."""
        return (min(devices, self.images) * self.load_seconds + self.images * self.seconds) / HOUR

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        costs = [
            {"devices": count, "hours": round(self.hours(count), 4), "device_hours": round(self.device_hours(count), 4)}
            for count in DEVICES
        ]
        disk = {"answers": round(self.images * self.answer_bytes), "dumps": round(self.images * self.dump_bytes)}
        return {**vars(self), "costs": costs, "disk_bytes": disk}


def plan(
    rows: Sequence[Row],
    expressions: Sequence[str],
    recipe: Recipe,
    *,
    measure: int = 20,
    device: str = "auto",
    dumps: bool = False,
    every: bool = False,
    progress: Progress = SILENT,
) -> Plan:
    """Measure `measure` images, evenly spread over all, and return what all of them will cost.

    The first one is asked twice, and counts the second time: what is done once for a process is part of the loading.
    """
    count = min(measure, len(rows))
    sample = [rows[index * len(rows) // count] for index in range(count)]
    with tempfile.TemporaryDirectory(prefix="zeroov-plan-") as folder:
        place = Path(folder)
        maps = place / "maps" if dumps else None
        began = time.perf_counter()
        with Pipeline(recipe, device, maps) as pipeline:
            pipeline.models.load_all()
            batch(pipeline, sample[:1], expressions, place / "first", {}, every=every)
            load_seconds, named = time.perf_counter() - began, str(pipeline.device)
            if maps:
                shutil.rmtree(maps, ignore_errors=True)
            began = time.perf_counter()
            outcome = batch(pipeline, sample, expressions, place / "out", {}, every=every, progress=progress)
            seconds = time.perf_counter() - began
        done = outcome.images - len(outcome.failed)
        if not done:
            reasons = first_few([f"{name}: {reason}" for name, reason in outcome.failed.items()])
            raise UsageError(
                f"none of {outcome.images} images could be asked, so there is nothing to multiply ({reasons})"
            )
        written = (place / "out" / "answers.jsonl").stat().st_size
        kept = sum(path.stat().st_size for path in maps.rglob("*") if path.is_file()) if maps else 0
    questions = sum(len(row.expressions) or len(expressions) for row in rows)
    each = (seconds / done, max(0.0, load_seconds - seconds / done), written / outcome.images, kept / done)
    return Plan(len(rows), questions, outcome.images, len(outcome.failed), named, *each)
