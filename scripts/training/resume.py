"""Let a training run be cut off at any moment: states are written whole, the curve holds each step once.

A state file is a SHA-256 and what `torch.save` wrote; it is put in place by renaming, and the one before it is kept.
A kill leaves at worst a `.part` file that nobody reads. Lines of the curve that are newer than the state taken up are
dropped, since their steps are taken again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

DIGEST = hashlib.sha256().digest_size


def write_state(state: dict[str, Any], path: Path) -> None:
    """Write a state whole, then put it in place; the one that was there becomes `.before`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(hashlib.sha256(content).digest())
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(path.with_suffix(".before"))
    part.replace(path)


def read_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the newest whole state, `None` if no run began; a damaged one is told and not used."""
    kept = [file for file in (path, path.with_suffix(".before")) if file.exists()]
    for file in kept:
        content = file.read_bytes()
        if len(content) > DIGEST and hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
            state: dict[str, Any] = torch.load(io.BytesIO(content[DIGEST:]), map_location=device, weights_only=True)
            return state
        print(f"{file} is damaged and not used", file=sys.stderr)
    if kept:
        raise SystemExit(f"no whole state is left in {path.parent}; delete {path.name}* there to begin anew")
    return None


class Curve:
    """The run's figures, one JSON line each, every step once."""

    def __init__(self, path: Path, known: Callable[[dict[str, Any]], bool]) -> None:
        self.path = path
        kept = [line for line in self._whole_lines() if known(line)]
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        part.replace(path)

    def _whole_lines(self) -> Iterator[dict[str, Any]]:
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):  # a kill may have cut the last one
                yield json.loads(line)

    def add(self, **line: object) -> None:
        """Append one line, and print it."""
        written = json.dumps(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(written + "\n")
        print(written, flush=True)


@contextmanager
def exported(path: Path) -> Iterator[Path]:
    """Hand out a place to write a file or folder to, then move what was written to `path`, file by file."""
    part = path.with_name(path.name + ".part")
    if part.is_dir():
        shutil.rmtree(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    yield part
    if part.is_file():
        part.replace(path)
        return
    for file in sorted(found for found in part.rglob("*") if found.is_file()):
        target = path / file.relative_to(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    shutil.rmtree(part)


class Limits:
    """When this run stops, which the course's end does in any case, and when it saves and measures."""

    def __init__(self, args: argparse.Namespace, course: int) -> None:
        self.last = course if args.steps is None else min(course, args.steps)
        self.until = float("inf") if args.minutes is None else time.monotonic() + args.minutes * 60
        self.save_every: float = args.save_every
        self.measure_every: float = args.measure_every
        self._saved = self._measured = time.monotonic()

    def over(self, step: int) -> bool:
        """Tell whether this run has taken its last step."""
        return step >= self.last or self.out_of_time()

    def out_of_time(self) -> bool:
        """Tell whether this run's minutes are over."""
        return time.monotonic() > self.until

    def time_to_save(self) -> bool:
        """Tell whether the state is due to be written; once told, the clock begins anew."""
        due = time.monotonic() - self._saved >= self.save_every
        self._saved = time.monotonic() if due else self._saved
        return due

    def time_to_measure(self) -> bool:
        """Tell whether the model is due to be measured; once told, the clock begins anew."""
        due = time.monotonic() - self._measured >= self.measure_every
        self._measured = time.monotonic() if due else self._measured
        return due


def run_arguments(description: str | None, measure_every: float, log_every: int) -> argparse.ArgumentParser:
    """Make a parser with what the three training commands have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--state", type=Path, required=True, help="folder that the run lives in; the same one resumes")
    parser.add_argument("--out", type=Path, help="where the model is written, at every save (default: in --state)")
    parser.add_argument("--minutes", type=float, help="stop this run after so many (default: at the course's end)")
    parser.add_argument("--steps", type=int, help="stop this run at this step of the course")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=float, default=120, help="seconds between saves")
    parser.add_argument("--measure-every", type=float, default=measure_every, help="seconds between measurements")
    parser.add_argument("--log-every", type=int, default=log_every, help="steps between lines of the curve")
    return parser


def device_here() -> torch.device:
    """Return CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
