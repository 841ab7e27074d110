"""The pictures that clients sent: uploaded once, asked about often, and forgotten when the disk's share is used up."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from zeroov.errors import PictureError
from zeroov.outputs.found import SceneInfo
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import Scene
from zeroov.serve.answer import open_upload, without_path
from zeroov.serve.refusal import RequestError

T = TypeVar("T")
ID_LENGTH = 16  # hexadecimal digits
MOST_PICTURES = 10_000
MOST_OPEN = 4  # scenes that a thread holds open, each with its pixels or its survey


@dataclass(frozen=True)
class Upload:
    """A picture of a client: its file, what it is called, which bands are shown, and what is known of it.

    `lent` is the size and the time of change of a file of a named folder, which is read where it is and never removed.
    """

    id: str
    name: str
    path: Path
    bands: tuple[int, ...] | None
    bytes: int
    info: SceneInfo
    large: bool
    lent: tuple[int, int] | None = None
    about: dict[str, Any] = field(default_factory=dict, compare=False)


def picture_id(digest: str, bands: tuple[int, ...] | None) -> str:
    """Return what a picture is called by: it depends on its bytes and on the bands that are shown."""
    return hashlib.sha256(f"{digest} {bands}".encode()).hexdigest()[:ID_LENGTH]


def lent_state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; `None` for one that is gone."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def gone(name: str, reason: str = "it was forgotten, or the server was started again") -> RequestError:
    """Return the refusal of a picture that the server does not hold."""
    return RequestError(
        404,
        f"the server holds no picture `{name[:40]}`: {reason}",
        "send the picture again (POST /v1/pictures)",
        "picture_gone",
    )


class Pictures:
    """Pictures by id, in a folder of `most_bytes` at most; what was used longest ago goes first."""

    def __init__(self, folder: Path, most_bytes: int, most_pixels: int) -> None:
        self.folder, self.most_bytes, self.most_pixels = folder, most_bytes, most_pixels
        self.bytes = 0
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._used: dict[str, int] = {}  # by work that still needs them
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, id: str) -> Upload:
        """Return a picture; one that is not here is refused."""
        with self._lock:
            if id not in self._kept:
                raise gone(id)
            upload = self._kept[id]
            if upload.lent and upload.lent != lent_state(upload.path):
                del self._kept[id]
                raise gone(id, "its file has changed")
            self._kept.move_to_end(id)
            return upload

    def find(self, id: str) -> Upload | None:
        """Return a picture, `None` where it is not here."""
        with self._lock:
            return self._kept.get(id)

    def add(self, upload: Upload) -> Upload:
        """Keep a picture, whose file is moved here unless it is lent; the same one again is the one before."""
        with self._lock:
            if known := self._kept.get(upload.id):
                self._kept.move_to_end(upload.id)
                return known
            if not upload.lent:
                path = self.folder / upload.id
                upload.path.replace(path)
                upload = replace(upload, path=path)
                self.bytes += upload.bytes
            self._kept[upload.id] = upload
            for old in [id for id in self._kept if id != upload.id and not self._used.get(id)]:
                if self.bytes <= self.most_bytes and len(self._kept) <= MOST_PICTURES:
                    break
                self.forget(old)
            return upload

    def forget(self, id: str) -> None:
        """Remove a picture; work on it that has begun goes on."""
        with self._lock:
            if (upload := self._kept.pop(id, None)) and not upload.lent:
                self.bytes -= upload.bytes
                upload.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def using(self, id: str) -> Iterator[Upload]:
        """Hold a picture while work needs it."""
        self.hold(id)
        try:
            yield self.get(id)
        finally:
            self.release(id)

    def hold(self, id: str) -> None:
        """Do not let a picture be forgotten for want of room."""
        with self._lock:
            self.get(id)
            self._used[id] = self._used.get(id, 0) + 1

    def release(self, id: str) -> None:
        """End what `hold` began."""
        with self._lock:
            self._used[id] -= 1
            if not self._used[id]:
                del self._used[id]

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Open:
    """Scenes that one thread has open, the last ones used: what was read of a file need not be read again."""

    def __init__(self, most_pixels: int, most: int = MOST_OPEN) -> None:
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self.most_pixels, self._most = most_pixels, most

    def scene(self, upload: Upload, progress: Progress = SILENT) -> Scene:
        """Return the open scene of a picture."""
        if upload.id in self._scenes:
            self._scenes.move_to_end(upload.id)
            return self._scenes[upload.id]
        scene = opened(upload, self.most_pixels, progress)
        self._scenes[upload.id] = scene
        while len(self._scenes) > self._most:
            self._scenes.popitem(last=False)[1].close()
        return scene

    def close(self) -> None:
        """Close them all."""
        while self._scenes:
            self._scenes.popitem()[1].close()


class Reader:
    """Open scenes for many threads: one thread of its own reads for all of them.

    GDAL's files belong to the thread that opened them, and are closed there.
    """

    def __init__(self, most_pixels: int) -> None:
        self._open = Open(most_pixels)
        self._thread = ThreadPoolExecutor(1, "showing")

    def read(self, upload: Upload, reading: Callable[[Scene], T]) -> T:
        """Return what `reading` makes of the open scene of a picture."""
        return self._thread.submit(lambda: reading(self._open.scene(upload))).result()

    def close(self) -> None:
        """Close them all."""
        self._thread.submit(self._open.close).result()
        self._thread.shutdown()


def opened(upload: Upload, most_pixels: int, progress: Progress = SILENT) -> Scene:
    """Open a picture's file; its errors name the picture as its client does."""
    if not upload.path.is_file():
        raise gone(upload.id)
    try:
        return open_upload(upload.path, upload.bands, most_pixels, progress)
    except PictureError as error:
        raise PictureError(without_path(str(error), upload.path)) from error
