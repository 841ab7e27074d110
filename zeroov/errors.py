"""What a user sees when something cannot be done: one line that says what to do next.

Every error raised on purpose is a `ZeroovError`. The command line prints its message and exits with its `exit_code`;
anything else that escapes is a bug in zeroov.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
SAME_IN_A_ROW = 25  # unforeseen failures one after another: something is wrong with the machine, not with the items


class ZeroovError(Exception):
    """Something could not be done, and the message says what to do about it."""

    exit_code = 1


class UsageError(ZeroovError, ValueError):
    """The request itself is wrong: an unknown name, a value out of range, an empty expression."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe, or an override of one, has an unknown key or an impossible value."""


class PictureError(ZeroovError):
    """A picture is missing, unreadable, or of a kind that cannot be grounded."""


class ModelError(ZeroovError):
    """A model's files are missing, incomplete, or not of the kind that the recipe asks for."""


class HardwareError(ZeroovError):
    """The device asked for is absent, or its memory does not suffice."""


class ServerError(ZeroovError):
    """A server that talks for a model cannot be reached, or what it says cannot be used."""


class ServerRefusal(ServerError, ModelError):
    """Such a server would refuse the next question too: a wrong key, an unknown model, another address."""


class DumpError(ZeroovError):
    """A cached attention map is truncated, of another program, or absent."""


class DatasetError(ZeroovError):
    """A benchmark's files are missing, damaged, unsafe, or do not belong together."""


class OutputError(ZeroovError):
    """Results cannot be written where they were asked for."""


class Cancelled(ZeroovError):
    """The work was stopped by whoever asked for it."""


class Interrupted(ZeroovError):
    """The user stopped the work (Ctrl-C), and it can go on."""

    exit_code = 130


FATAL = (ModelError, RecipeError, OutputError, Cancelled)  # no item's fault, and the next item would meet them too


@dataclass(frozen=True)
class Failed:
    """What a piece of work failed with."""

    error: Exception

    @property
    def foreseen(self) -> bool:
        """Whether the error was raised on purpose, with a message for the user."""
        return isinstance(self.error, ZeroovError)

    @property
    def reason(self) -> str:
        """What failed, in one line."""
        return str(self.error) if self.foreseen else f"{type(self.error).__name__}: {first_line(self.error)}"


def attempt(work: Callable[[], T], fatal: tuple[type[Exception], ...] = FATAL) -> T | Failed:
    """Return what `work` returns, or how it failed; `fatal` errors are raised.

    The one broad `except` of the project. One odd item of many costs itself alone.
    """
    try:
        return work()
    except fatal:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library raises is this item's failure
        return Failed(error)


class Streak:
    """Counts failures one after another that are no item's fault, and ends the work after `SAME_IN_A_ROW` of them.

    Those are the unforeseen ones, and those of a server, which may be gone for good.
    """

    def __init__(self) -> None:
        self._count = 0

    def add(self, outcome: object) -> None:
        """Count an item's outcome, a `Failed` or anything else."""
        if not isinstance(outcome, Failed) or (outcome.foreseen and not isinstance(outcome.error, ServerError)):
            self._count = 0
            return
        self._count += 1
        if self._count >= SAME_IN_A_ROW:
            raise ZeroovError(
                f"{SAME_IN_A_ROW} in a row failed, the last with {outcome.reason}; mend the cause, then give the same "
                "command again with --retry-failed"
            ) from outcome.error


def first_line(error: BaseException) -> str:
    """Return the first line of another library's message, cut to a readable length; its type where it says nothing."""
    text = str(error).replace("For details look at the above report!", "").strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def count_of(count: int, singular: str, plural: str = "") -> str:
    """Return a number with what it counts: `1 image`, `1,200 images`; the `plural` is given where no `s` makes it."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def first_few(names: Sequence[str]) -> str:
    """Return the first three of some names, for a message; `...` stands for the others."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` with the near misses of `name`, or the whole choice when nothing is near."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(f"`{word}`" for word in near) + "?"
    return "; known: " + ", ".join(choices) if choices else ""
