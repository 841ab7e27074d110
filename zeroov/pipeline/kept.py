"""Keep what models made of pictures, as long as it fits: whoever asks again about a picture finds it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """Values by key, at most so many bytes of them; what was used longest ago goes first."""

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self.bytes = 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def find(self, key: Hashable) -> Any | None:
        """Return a key's value, `None` where it is not kept."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of `size` bytes; one that is larger than all that may be kept is not."""
        self.bytes -= self._values.pop(key, (None, 0))[1]
        if size > self.most_bytes:
            return
        while self.bytes + size > self.most_bytes:
            self.bytes -= self._values.popitem(last=False)[1][1]
        self._values[key], self.bytes = (value, size), self.bytes + size

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return a key's value, made where it is not kept."""
        value: T | None = self.find(key)
        if value is None:
            value = make()
            self.keep(key, value, size(value))
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self.bytes = 0
