"""Keep what has been done as one line of JSON each, so that a run that is killed anywhere goes on where it was."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.raster.write import write_atomically, write_json

log = logging.getLogger("zeroov")


class Journal:
    """A file of finished items, a line each, with their `id`; beside it stands what they are made with.

    A line counts when it is whole: what a kill or a full disk left half-written is cut off before anything is added.
    Items made with anything else are not mixed in.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any]):
        self.path = path
        self.done: set[str] = set()
        wanted, about = json.loads(json.dumps(made_with)), about_path(path)
        try:
            if about.exists():
                was = json.loads(about.read_bytes())
                if was != wanted:
                    differs = _difference(was, wanted)
                    raise OutputError(f"`{path}` was made with {differs}; give the same command, or another folder")
            elif path.exists():
                raise OutputError(f"`{path}` was not made by this command; name another folder")
            else:
                write_json(about, wanted)
            whole = 0
            for line, item in _whole_lines(path):
                self.done.add(str(item["id"]))
                whole += len(line)
            with path.open("ab") as file:
                file.truncate(whole)
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"`{path}` cannot be gone on with ({error}); name another folder") from error

    def add(self, item: Mapping[str, Any]) -> None:
        """Add a finished item; when this returns, it is on the disk."""
        line = json.dumps(item, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"`{self.path}` cannot be written ({error.strerror}); make room, then give the same command again"
            ) from error
        self.done.add(str(item["id"]))

    def rewrite(self, keep: set[str]) -> None:
        """Forget the items that are not to be kept."""
        kept = [line for line, item in _whole_lines(self.path) if str(item["id"]) in keep]
        write_atomically(self.path, b"".join(kept))
        self.done &= keep


def about_path(path: Path) -> Path:
    """Return where it stands what a journal's items are made with."""
    return path.with_suffix(".made-with.json")


def read_items(path: Path) -> list[dict[str, Any]]:
    """Return a journal's whole items, in the order in which they were made."""
    return [item for _, item in _whole_lines(path)]


def _whole_lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the lines, and what they hold, up to the first that is not whole."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                item = json.loads(line)
            except ValueError:
                item = None
            if not line.endswith(b"\n") or not isinstance(item, dict):
                log.warning("`%s` ends in a line that was not finished; its item is made anew", path)
                return
            yield line, item


def _difference(was: Any, now: Mapping[str, Any]) -> str:
    if not isinstance(was, dict):
        return "something else than this command"
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    return ", ".join(f"{key} = {was.get(key)!r} where now it is {now.get(key)!r}" for key in keys)
