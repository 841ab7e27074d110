"""Decode the next images in a thread of their own, while the device works on those in hand."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import Scene
from zeroov.spans import span

Image = TypeVar("Image", bound=Hashable)


class _Stopped(Progress):
    """Stops the reading with the work that it is for, or by itself."""

    def __init__(self, work: Progress) -> None:
        super().__init__()
        self._work = work

    def report(self, what: str, done: int, total: int) -> None:
        """Raise where either was stopped."""
        self._work.report(what, done, total)
        super().report(what, done, total)


class Ahead(Generic[Image]):
    """Holds the images open that are in hand and that come next; a context manager, whose end closes them.

    `open_scene` opens an image, and stops where its progress says so. It runs in one thread, image by image, in the
    order in which they are held; what it raises is raised where that image is asked for. That thread closes them too,
    since GDAL's files are closed where they were opened, and ends when the block ends.
    """

    def __init__(self, open_scene: Callable[[Image, Progress], Scene], progress: Progress = SILENT) -> None:
        self._open_scene, self._stopped = open_scene, _Stopped(progress.inner())
        self._thread = ThreadPoolExecutor(1, "reading")
        self._held: dict[Image, Future[Scene]] = {}

    def __enter__(self) -> Ahead[Image]:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.stop()
        self.hold([])
        self._thread.shutdown()

    def hold(self, images: Sequence[Image]) -> None:
        """Hold these images open, and close all others; open those that are not open yet, in their order."""
        for image in self._held.keys() - set(images):
            opened = self._held.pop(image)
            if not opened.cancel():
                self._thread.submit(_close, opened)
        for image in images:
            if image not in self._held:
                context = contextvars.copy_context()  # its spans belong to the same work
                self._held[image] = self._thread.submit(context.run, self._open, image)

    def get(self, image: Image) -> Scene:
        """Return an image that is held, when it is open; raise what opening it raised."""
        with span("reading"):
            return self._held[image].result()

    def _open(self, image: Image) -> Scene:
        with span("reading"):
            return self._open_scene(image, self._stopped)


def _close(opened: Future[Scene]) -> None:
    """Close an image if it could be opened; it is the turn of this after that."""
    if not opened.exception():
        opened.result().close()


def whole(scene: Scene) -> Scene:
    """Read a scene whole, which it keeps, and return it; close one that cannot be read."""
    with contextlib.ExitStack() as closing:
        closing.enter_context(scene)
        scene.read()
        closing.pop_all()
    return scene
