"""Keep what has been done as one line of JSON each, so that a run that is killed anywhere goes on where it was."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError

log = logging.getLogger("zeroov")


class Journal:
    """A file of finished items. Its first line says what they were made with; each other line holds one and its `id`.

    A line counts when it is whole: what a kill or a full disk left half-written is cut off before anything is added.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any]):
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        header = {"made_with": _plain(made_with)}
        try:
            lines, whole = _whole_lines(path)
        except OSError as error:
            raise OutputError(f"`{path}` cannot be read ({error.strerror})") from error
        if lines and lines[0] != header:
            raise OutputError(
                f"`{path}` was made with {_difference(lines[0], header)}; name another folder, or remove this file"
            )
        self.done = {str(item["id"]): item for item in lines[1:]}
        try:
            with path.open("ab") as file:
                file.truncate(whole)
            if not lines:
                self._append(header)
        except OSError as error:
            raise OutputError(f"`{path}` cannot be written ({error.strerror})") from error

    def add(self, item: Mapping[str, Any]) -> None:
        """Add a finished item; when this returns, it is on the disk."""
        try:
            self._append(item)
        except OSError as error:
            raise OutputError(
                f"`{self.path}` cannot be written ({error.strerror}); make room, then give the same command again"
            ) from error
        self.done[str(item["id"])] = dict(item)

    def _append(self, item: Mapping[str, Any]) -> None:
        line = json.dumps(item, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def read_items(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a journal's items were made with, and its whole items, in the order in which they were made."""
    lines, _ = _whole_lines(path)
    if not lines or "made_with" not in lines[0]:
        raise OutputError(f"`{path}` is no journal of a zeroov run")
    return lines[0]["made_with"], lines[1:]


def _whole_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the values of the lines up to the first that is not whole, and the bytes they take."""
    if not path.exists():
        return [], 0
    values, whole = [], 0
    for line in _lines(path.read_bytes()):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not line.endswith(b"\n") or not isinstance(value, dict):
            log.warning("`%s` ends in a line that was not finished; its item is made anew", path)
            break
        values.append(value)
        whole += len(line)
    return values, whole


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        yield data[start:end]
        start = end


def _plain(value: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(value))


def _difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    before, after = was.get("made_with"), now["made_with"]
    if not isinstance(before, dict):
        return "something else than this command"
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return ", ".join(f"{key} = {before.get(key)!r} where now it is {after.get(key)!r}" for key in keys)
