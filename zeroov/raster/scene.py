"""Open a raster of any size and read windows of it; one stretch for the whole scene, and memory that stays small.

The rules are those of `read`: the same bands, the same percentiles of valid pixels, 8-bit samples kept. What differs:
the file is read in windows, so there is no limit on its size. Pictures without windows (PNG, JPEG, palettes, CMYK) are
read whole.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL.Image import Image

from zeroov import frames
from zeroov.errors import PictureError, UsageError
from zeroov.files.content import content_of
from zeroov.frames import Transform
from zeroov.raster import geotiff
from zeroov.raster.georeference import IDENTITY, affine, crs_text, place
from zeroov.raster.read import MOST_PIXELS, Decoded, decode_file, decoding, existing_file, mention_frames, open_picture
from zeroov.raster.stretch import PERCENTILES, Percentiles, nothing_valid
from zeroov.raster.whole import Whole
from zeroov.raster.windowed import Windowed
from zeroov.types import Bool, Picture, Window

BESIDE = (".aux.xml", ".ovr")  # what other programs lay beside a raster; what counts of it are the facts it tells
WITHOUT_WINDOWS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")  # PIL decodes these, colours and orientation included


class Scene:
    """An open raster; a context manager, for one thread at a time.

    `hw` is (height, width) in pixels, `source` the path as it was given, `bands` what is shown, numbered from 1. `crs`
    is rasterio's CRS or `None`; `transform` the affine (a, b, c, d, e, f) of pixel edges or `None`.
    """

    def __init__(
        self,
        pixels: Windowed | Whole,
        source: str,
        placed: tuple[Any, Transform | None] = (None, None),
        closing: contextlib.ExitStack | None = None,
    ) -> None:
        self._pixels, self.source = pixels, source
        self._whole: Picture | None = None
        self.crs, self.transform = placed
        self._closing = closing or contextlib.ExitStack()

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._closing.close()

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._pixels.hw

    @property
    def bands(self) -> tuple[int, ...]:
        """The numbers, from 1, of the bands that are shown."""
        return self._pixels.bands

    @functools.cached_property
    def content(self) -> str:
        """A digest of what the file holds and where it lies on the map, as `image_content` has it."""
        return image_content(self.source)

    @property
    def damaged(self) -> tuple[tuple[int, int, int, int], ...]:
        """The windows (x0, y0, x1, y1) that cannot be decoded: stretch and overview do without, reading them raises."""
        return self._pixels.damaged

    def read(self, window: Window | None = None, most: int = 0, *, tolerant: bool = False) -> Picture:
        """Read a window, or the whole scene, reduced so that its longer side has at most `most` pixels (0: as it is).

        The picture says which of its pixels are valid. What cannot be decoded raises; where `tolerant` it is black.
        """
        part = window or Window(0, 0, *self.hw[::-1])
        if window is None and not most and self._whole is not None:
            return self._whole
        scale = min(1.0, most / max(part.hw)) if most else 1.0
        out_hw = max(1, round(part.hw[0] * scale)), max(1, round(part.hw[1] * scale))
        picture = self._pixels_of(*part, out_hw, tolerant=tolerant)
        valid = frames.resize_mask(self.valid(*part), out_hw) if part.hw[0] * part.hw[1] <= MOST_PIXELS else None
        if window is None and valid is not None and not valid.any():
            raise PictureError(nothing_valid(self.source))
        shown = None if part.hw == self.hw == out_hw else part
        picture = replace(picture, valid=None if valid is None or valid.all() else valid, part=shown)
        if window is None and not most:
            self._whole = picture
        return picture

    def _pixels_of(
        self, x0: int, y0: int, x1: int, y1: int, out_hw: tuple[int, int] | None = None, *, tolerant: bool = False
    ) -> Picture:
        """Read the window x0 <= x < x1, y0 <= y < y1, or a reduced copy of it of size `out_hw`, as a `Picture`.

        Its transform is the window's. Pixels that are not valid are black, also where the whole window is not, and,
        where `tolerant`, those that cannot be decoded.
        """
        window = self._window(x0, y0, x1, y1)
        height, width = out_hw or (y1 - y0, x1 - x0)
        if not (0 < height <= y1 - y0 and 0 < width <= x1 - x0):
            raise UsageError(
                f"a window of {x1 - x0} x {y1 - y0} pixels cannot be reduced to {width} x {height}; "
                "give a size from 1 to its own, and enlarge with zeroov.frames.resize_rgb"
            )
        if height * width > MOST_PIXELS:
            raise UsageError(
                f"a picture of {width} x {height} pixels was asked of `{self.source}`, at most {MOST_PIXELS:,} are "
                "held in memory; read smaller windows, or reduce them"
            )
        transform = self.transform and frames.window_transform(
            self.transform, (x0, y0), ((x1 - x0) / width, (y1 - y0) / height)
        )
        rgb = self._pixels.rgb(window, (height, width), tolerant)
        return Picture(rgb, self.source, crs_text(self.crs), transform)

    def overview(self, max_side: int) -> Picture:
        """Return the whole scene, reduced so that its longer side has at most `max_side` pixels; damage is black."""
        return self.reduced(0, 0, *self.hw[::-1], max_side, tolerant=True)

    def reduced(self, x0: int, y0: int, x1: int, y1: int, max_side: int, *, tolerant: bool = False) -> Picture:
        """Read a window, reduced so that its longer side has at most `max_side` pixels; `tolerant` as in `read`."""
        height, width = y1 - y0, x1 - x0
        scale = min(1.0, max_side / max(height, width))
        out_hw = max(1, round(height * scale)), max(1, round(width * scale))
        return self._pixels_of(x0, y0, x1, y1, out_hw, tolerant=tolerant)

    def valid(self, x0: int, y0: int, x1: int, y1: int) -> Bool:
        """Return the bool (h, w) of a window's pixels that are neither nodata, masked, transparent nor NaN."""
        return self._pixels.valid(self._window(x0, y0, x1, y1))

    def valid_share(self, x0: int, y0: int, x1: int, y1: int) -> float:
        """Return how much of a window is valid, from 0 to 1."""
        return self._pixels.valid_share(self._window(x0, y0, x1, y1))

    def _window(self, x0: int, y0: int, x1: int, y1: int) -> Window:
        height, width = self.hw
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(
                f"window x {x0} to {x1}, y {y0} to {y1} does not lie in `{self.source}` of {width} x {height} pixels; "
                "clip it to the scene"
            )
        return Window(x0, y0, x1, y1)


Source = str | os.PathLike[str] | Image | NDArray[Any] | Picture | Scene


def open_scene(
    path: str | os.PathLike[str],
    *,
    bands: tuple[int, ...] | None = None,
    percentiles: Percentiles = PERCENTILES,
    georeferenced: bool = True,
) -> Scene:
    """Open a raster file; `PictureError` says what to do where that cannot be.

    `bands` are one number or three, from 1; by itself it shows red, green and blue, else bands 1 to 3, else band 1.
    With `georeferenced=False` whatever says where the raster lies is ignored, also what would be refused.
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise UsageError(f"percentiles ({low:g}, {high:g}) are no stretch; give two rising numbers from 0 to 100")
    name = os.fsdecode(path)
    file = existing_file(name)
    placed: tuple[Any, Transform | None] = (None, None)
    rasterio = geotiff.rasterio_or_none()
    with contextlib.ExitStack() as closing:
        dataset = rasterio and _opened(rasterio, file, name, closing)
        if dataset:
            if georeferenced:
                placed = place(dataset, name)
            if not _is_decoded_whole(dataset, file):
                mention_frames(name, len(dataset.subdatasets))
                pixels = Windowed(rasterio, dataset, name, geotiff.choose_bands(dataset, name, bands), percentiles)
                return Scene(pixels, name, placed, closing=closing.pop_all())
    return Scene(Whole(decode_file(file), name, bands, percentiles), name, placed)


@contextlib.contextmanager
def open_source(source: Source, bands: tuple[int, ...] | None = None) -> Iterator[Scene]:
    """Open a path, a PIL image, an array, a `Picture`, or a scene, which stays open."""
    if isinstance(source, Scene):
        yield source
        return
    if isinstance(source, str | os.PathLike):
        with open_scene(source, bands=bands) as scene:
            yield scene
        return
    picture = open_picture(source)
    yield Scene(Whole(Decoded(picture.rgb, picture.valid), picture.source, bands, PERCENTILES), picture.source)


def image_content(path: str | os.PathLike[str]) -> str:
    """Return a digest of what an image file holds and where it lies on the map; "" for a file that cannot be read.

    It covers every byte of the file and of what belongs to it (a world file, the sources of a VRT). Statistics and
    overviews that other programs lay beside it do not count.
    """
    file = Path(path).expanduser()
    rasterio = geotiff.rasterio_or_none()
    try:
        files, facts = (_belonging(rasterio, file) if rasterio else None) or ([file], [])
        return content_of(files, *facts)
    except OSError:
        return ""


def _belonging(rasterio: Any, file: Path) -> tuple[list[Path], list[object]] | None:
    """Return the files that GDAL reads of a raster, and what it says of them; `None` for what it does not know."""
    with contextlib.suppress(PictureError), contextlib.ExitStack() as closing:
        if dataset := _opened(rasterio, file, str(file), closing):
            with decoding(str(file)), geotiff.gdal_errors(rasterio):
                names = [each for each in dataset.files if not each.endswith(BESIDE)]
                facts = [crs_text(dataset.crs), affine(dataset.transform), dataset.nodatavals, dataset.colorinterp]
                facts += [(point.row, point.col, point.x, point.y) for point in dataset.gcps[0]]
                facts += [each for each in names if not Path(each).is_file()]  # sources on the web, or lost ones
            return [Path(each) for each in names if Path(each).is_file()], facts
    return None


def _opened(rasterio: Any, file: Path, name: str, closing: contextlib.ExitStack) -> Any:
    """Open a dataset until `closing` closes it; return `None` for what GDAL does not know and PIL may."""
    try:
        with decoding(name), geotiff.gdal_errors(rasterio):
            dataset = closing.enter_context(rasterio.open(file))
    except PictureError:
        if geotiff.is_tiff(file):
            raise
        return None
    if not dataset.count:
        inside = dataset.subdatasets[0] if dataset.subdatasets else name
        raise PictureError(
            f"`{name}` holds {len(dataset.subdatasets)} rasters and shows none by itself; "
            f"take one out: gdal_translate {shlex.quote(inside)} one.tif"
        )
    return dataset


def _is_decoded_whole(dataset: Any, file: Path) -> bool:
    """Tell whether GDAL would hand out something else than viewers show: raw colours, or a picture not yet turned."""
    if dataset.driver in WITHOUT_WINDOWS:
        return True
    view = geotiff.view(file) if dataset.driver == "GTiff" else geotiff.View()
    return view.needs_pil or (view.orientation != 1 and affine(dataset.transform) == IDENTITY)
