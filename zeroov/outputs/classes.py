"""The classes of annotations: their names, and numbers that do not depend on what was found."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

from zeroov.errors import UsageError, did_you_mean


class Classes:
    """Numbers classes from 0: the label alone, else those of the expressions in their order, then those met later.

    `names` are the classes of expressions that are not called by themselves; several expressions may have one class.
    """

    def __init__(
        self, label: str | None = None, expressions: Sequence[str] = (), names: Mapping[str, str] | None = None
    ) -> None:
        self._label = class_name(label or "")
        self._named = {text: class_name(name) for text, name in (names or {}).items()}
        self._numbers: dict[str, int] = {}
        for expression in [self._label] if self._label else expressions:
            self.number(expression)

    def name(self, expression: str) -> str:
        """Return the name of what was found for an expression; one that is new gets the next number."""
        name = self._label or self._named.get(expression) or class_name(expression)
        self._numbers.setdefault(name, len(self._numbers))
        return name

    def number(self, expression: str) -> int:
        """Return the number of what was found for an expression."""
        return self._numbers[self.name(expression)]

    def is_in(self, expression: str, chosen: bool | Collection[str]) -> bool:
        """Return whether the class of an expression is among the names that are `chosen`; `True`: every one is."""
        return chosen if isinstance(chosen, bool) else self.name(expression) in chosen

    @property
    def names(self) -> list[str]:
        """The names of all classes, in the order of their numbers."""
        return list(self._numbers)


def require_classes(names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return names of classes, each as `class_name` has it; refuse one that is not `known`, where any is."""
    cleaned = tuple(map(class_name, names))
    for name in cleaned:
        if known and name not in known:
            raise UsageError(f"`{name}` is no class of what is asked{did_you_mean(name, known)}")
    return cleaned


def class_name(text: str) -> str:
    """Return text as one line: its white space as single blanks, without control characters."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).split())
