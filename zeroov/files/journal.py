"""Keep what has been done as one line of JSON each, so that a run that is killed anywhere goes on where it stopped."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.files.atomic import write_json, written
from zeroov.files.lock import Lock
from zeroov.spans import span

log = logging.getLogger("zeroov")


class Items:
    """The whole items of a journal by their `id`; they stay on the disk, and only where each starts is held.

    Of two with one `id` the last counts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._starts: dict[str, int] = {}
        try:
            for start, _, item in _whole_lines(path):
                self._starts[str(item["id"])] = start
        except (OSError, KeyError) as error:
            raise OutputError(f"`{path}` cannot be read as a journal ({error}); name another folder") from error

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, name: object) -> bool:
        return name in self._starts

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the items in the order in which they were made."""
        for start, _, item in _whole_lines(self.path, report=False):
            if self._starts.get(str(item["id"])) == start:
                yield item

    def get(self, name: str) -> dict[str, Any] | None:
        """Read an item; `None` where there is none of that `id`."""
        start = self._starts.get(name)
        if start is None:
            return None
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return dict(json.loads(file.readline()))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise OutputError(
                f"`{self.path}` was changed by somebody else ({error}); give the same command again"
            ) from error


class Journal(Items):
    """A file of finished items, a line each, with their `id` and `content`; the file beside it says what made them.

    `done` holds the `content` of each finished item by its `id`: a digest of what the item was made from, "" where the
    caller gives none. A line counts when it is whole: what a kill or a full disk left half-written is cut off before
    anything is added, and a damaged line costs its own item alone. Of two lines with one `id` the last counts, and the
    other is dropped. Items that were made with anything else are not mixed in. One process at a time has a journal:
    close it, or use a `with` block.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any]):
        self.path = path
        self.done: dict[str, str] = {}
        self._starts = {}
        self._lock = Lock(path.with_suffix(".lock"), path)
        try:
            self._begin(json.loads(json.dumps(made_with)))
        except BaseException:
            self.close()
            raise

    def _begin(self, wanted: dict[str, Any]) -> None:
        """Check what the items are made with, and read which are done."""
        about = about_path(self.path)
        try:
            if not self.path.exists() or not self.path.stat().st_size:  # nothing is done that could be mixed up
                write_json(about, wanted)
            elif about.exists():
                require_same(self.path, json.loads(about.read_bytes()), wanted)
            else:
                raise OutputError(f"`{self.path}` was not made by this command; name another folder")
            whole = lines = end = 0
            for start, line, item in _whole_lines(self.path):
                name = str(item["id"])
                self.done[name] = str(item.get("content", ""))
                self._starts[name] = start
                whole += len(line)
                lines += 1
                end = start + len(line)
            with self.path.open("ab") as file:
                file.truncate(end)
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise OutputError(f"`{self.path}` cannot be continued ({error}); name another folder") from error
        if lines > len(self.done):
            log.warning("`%s` holds %d items twice; the last of each is kept", self.path, lines - len(self.done))
        if lines > len(self.done) or whole < end:
            self.rewrite(self.done.keys())

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes have the journal."""
        self._lock.release()

    @span("writing")
    def add(self, *items: Mapping[str, Any]) -> None:
        """Add finished items; when this returns, they are on the disk."""
        texts = [json.dumps(item, ensure_ascii=False, allow_nan=False) for item in items]
        # A file name that is not UTF-8 holds lone surrogates; the backslash form is what JSON itself writes for them.
        lines = [text.encode("utf-8", errors="backslashreplace") + b"\n" for text in texts]
        try:
            with self.path.open("ab") as file:
                start = file.seek(0, os.SEEK_END)
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"`{self.path}` cannot be written ({error.strerror}); make room, then give the same command again"
            ) from error
        for item, line in zip(items, lines, strict=True):
            self.done[str(item["id"])] = str(item.get("content", ""))
            self._starts[str(item["id"])] = start
            start += len(line)

    def rewrite(self, keep: Set[str]) -> None:
        """Forget the items that are not to be kept, and all lines but the last of each item that is."""
        starts, end = {}, 0
        with written(self.path) as file:
            for start, line, item in _whole_lines(self.path, report=False):  # who opened the journal was warned
                name = str(item["id"])
                if name in keep and self._starts[name] == start:
                    file.write(line)
                    starts[name], end = end, end + len(line)
        self._starts = starts
        self.done = {name: content for name, content in self.done.items() if name in starts}


def about_path(path: Path) -> Path:
    """Return the file that says what a journal's items are made with."""
    return path.with_suffix(".made-with.json")


def read_items(path: Path) -> list[dict[str, Any]]:
    """Return a journal's whole items, in the order in which they were made."""
    return [item for _, _, item in _whole_lines(path)]


def _whole_lines(path: Path, *, report: bool = True) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Yield the lines that are whole: where each starts, its bytes, and the item that it holds.

    With `report` a warning says how many others there are.
    """
    if not path.exists():
        return
    start = odd = 0
    with path.open("rb") as file:
        for line in file:
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            if line.endswith(b"\n") and isinstance(item, dict):
                yield start, line, item
            else:
                odd += 1
            start += len(line)
    if odd and report:
        log.warning("`%s` holds %d lines that are damaged or not finished; their items are made again", path, odd)


def require_same(path: Path, was: Any, now: Mapping[str, Any]) -> None:
    """Refuse to go on with items that were made with other things than now; say which."""
    if was == now:
        return
    if not isinstance(was, dict):
        raise OutputError(f"`{path}` was not made with what this command uses; name another folder")
    old, new = _flat(was), _flat(now)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    differs = ", ".join(f"{key} = {old.get(key)!r} where now it is {new.get(key)!r}" for key in keys)
    raise OutputError(f"`{path}` was made with {differs}; give the same command, or another folder")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
