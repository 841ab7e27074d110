"""Images are opened ahead of their turn in one thread, which ends with the work; an odd one costs itself alone."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zeroov.errors import Cancelled, PictureError
from zeroov.progress import Progress
from zeroov.raster.ahead import Ahead, whole
from zeroov.raster.quiet import quiet
from zeroov.raster.scene import Scene, open_source

NAMES = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    for number, name in enumerate(NAMES):
        Image.fromarray(np.full((8, 9, 3), number, np.uint8)).save(tmp_path / name)
    return [tmp_path / name for name in NAMES]


class Watched:
    """Opens images whole, and knows which it opened, in which threads, and which scenes are closed."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.closed: list[str] = []
        self.closing: set[threading.Thread] = set()

    def __call__(self, image: Path, progress: Progress) -> Scene:
        self.opened.append(image.name)
        self.threads.add(threading.current_thread())
        scene = whole(open_source(image, progress=progress))
        scene._closing.callback(self._close, image.name)
        return scene

    def _close(self, name: str) -> None:
        self.closed.append(name)
        self.closing.add(threading.current_thread())


def test_the_next_image_is_decoded_meanwhile_and_no_other(images: list[Path]) -> None:
    opening = Watched()
    with Ahead(opening) as ahead:
        ahead.hold(images[:2])
        assert ahead.get(images[1]).read().rgb[0, 0, 0] == 1  # it was opened though the first was not asked for
        assert opening.opened == ["a.png", "b.png"]
        kept = ahead.get(images[0])
        ahead.hold(images[:2])
        assert ahead.get(images[0]) is kept
        ahead.hold(images[1:3])
        assert ahead.get(images[2]).read().rgb[0, 0, 0] == 2
        assert opening.closed == ["a.png"]
        assert opening.opened == ["a.png", "b.png", "c.png"]
    assert sorted(opening.closed) == ["a.png", "b.png", "c.png"]
    assert len(opening.threads) == 1
    assert opening.closing == opening.threads  # as GDAL's files need it
    assert threading.main_thread() not in opening.threads


def test_an_image_that_cannot_be_read_is_an_error_where_it_is_asked_for(images: list[Path]) -> None:
    images[1].write_bytes(images[1].read_bytes()[:30])
    with Ahead(Watched()) as ahead:
        ahead.hold(images[:3])
        assert ahead.get(images[0]).hw == ahead.get(images[2]).hw == (8, 9)
        for _ in range(2):
            with pytest.raises(PictureError, match=r"b\.png"):
                ahead.get(images[1])
        ahead.hold(images[2:])
        assert ahead.get(images[3]).hw == (8, 9)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PictureError])
def test_nothing_is_left_running(images: list[Path], stop: type[BaseException]) -> None:
    reading, opening = threading.Event(), Watched()

    def slow(image: Path, progress: Progress) -> Scene:
        if image == images[1]:
            reading.set()
            while True:  # a large file, part by part
                progress.report("reading", 0, 1)
        return opening(image, progress)

    def work() -> None:
        with Ahead(slow) as ahead:
            ahead.hold(images)
            assert ahead.get(images[0]).hw == (8, 9)
            assert reading.wait(60)
            raise stop("the work ends here")

    with pytest.raises(stop, match="the work ends here"):
        work()
    assert opening.opened == opening.closed == ["a.png"]
    assert not any(thread.is_alive() for thread in opening.threads)


def test_work_that_is_stopped_stops_the_reading(images: list[Path]) -> None:
    progress = Progress()

    def endless(image: Path, reading: Progress) -> Scene:
        while True:
            reading.report("reading", 0, 1)

    with Ahead(endless, progress) as ahead:
        ahead.hold(images[:1])
        progress.stop()
        with pytest.raises(Cancelled):
            ahead.get(images[0])


def test_threads_that_ignore_warnings_leave_them_as_they_were() -> None:
    inside, done = threading.Event(), threading.Event()

    def decode() -> None:
        with quiet:
            inside.set()
            done.wait(60)

    before = list(warnings.filters)
    beside = threading.Thread(target=decode)
    with quiet:
        beside.start()
        assert inside.wait(60)
        warnings.warn("nobody sees this", stacklevel=1)
        with quiet.catching(DeprecationWarning) as caught:
            warnings.warn("this is old", DeprecationWarning, stacklevel=1)
        assert [str(each.message) for each in caught] == ["this is old"]
    done.set()  # the one that began last ends last, and brings back what was before the first
    beside.join()
    assert warnings.filters == before
    with pytest.raises(UserWarning, match="seen"):
        warnings.warn("seen", stacklevel=1)
