"""What became of one thing that was checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from zeroov.errors import attempt

Verdict = Literal["ok", "warning", "failed", "skipped"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Check:
    """A line of the report: what was checked, its verdict, what was measured, and what to do where it is not ok.

    `figures` are the measured numbers by name.
    """

    name: str
    verdict: Verdict
    measured: str
    advice: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


def checked(name: str, work: Callable[[], Check], advice: str) -> Check:
    """Return what a check found; one that cannot be made has failed, with its reason."""
    outcome = attempt(work, fatal=())  # a missing model ends its own stage, not the others'
    return outcome if isinstance(outcome, Check) else Check(name, "failed", outcome.reason, advice)


def gib(count: float) -> str:
    """Return bytes as GiB."""
    return f"{count / 2**30:.2f} GiB"
