"""The one reader: open any image and read it whole or in windows, with what is valid and where it lies on the map.

One stretch holds for the whole scene, and memory stays small: GDAL reads in windows what it can show, of any size. PIL
decodes whole what GDAL would hand out otherwise than viewers show it: PNG, JPEG, GIF, BMP, WebP, AVIF, palettes, CMYK,
CIELab, less than 8 bits. Such a picture is upright, as its EXIF orientation says, unless it has a place on the map:
then its rows and columns are those of its transform, and stay as they are stored.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zeroov import frames
from zeroov.errors import PictureError, UsageError
from zeroov.files.content import content_of
from zeroov.files.paths import expanded
from zeroov.frames import Transform
from zeroov.progress import SILENT, Progress
from zeroov.raster import geotiff, upload, web
from zeroov.raster.bands import BandReader, choose_bands, require_bands
from zeroov.raster.decode import (
    ACCEPTED,
    Decoded,
    decode_array,
    decode_file,
    decode_image,
    decoding,
    existing_file,
    is_for_pil,
    mention_frames,
    refuse_too_large,
)
from zeroov.raster.georeference import IDENTITY, MisplacedError, crs_text, has_place, place, stored_transform
from zeroov.raster.part import Inside, Part
from zeroov.raster.stretch import PERCENTILES, Percentiles, sampling_step
from zeroov.raster.whole import Whole
from zeroov.raster.windowed import Windowed
from zeroov.types import Picture, Window

Source = str | os.PathLike[str] | Image.Image | NDArray[Any] | Picture
Placed = tuple[Any, Transform | None]
BESIDE = (".aux.xml", ".ovr")  # what other programs lay beside a raster; what counts of it are the facts it states
NOWHERE: Placed = (None, None)

logger = logging.getLogger(__name__)


class Scene:
    """An open image; a context manager, for one thread at a time.

    `hw` is (height, width) in pixels, `source` the path as it was given, `bands` what is shown, numbered from 1. `crs`
    is rasterio's CRS, its text, or `None`; `transform` the affine (a, b, c, d, e, f) of pixel edges or `None`.
    """

    def __init__(
        self,
        pixels: Windowed | Whole | Part,
        source: str,
        placed: Placed = NOWHERE,
        closing: contextlib.ExitStack | None = None,
        origin_xy: tuple[int, int] = (0, 0),
    ) -> None:
        self._pixels, self.source, self._origin_xy = pixels, source, origin_xy
        self.crs, self.transform = placed
        self._closing = closing or contextlib.ExitStack()
        self._kept: list[Picture] = []  # the whole picture, once it was read
        self._closing.callback(self._kept.clear)

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
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

    def read(self, window: Window | None = None, most: int = 0, *, tolerant: bool = False) -> Picture:
        """Read the whole scene or a window of it, as a `Picture`: pixels, what of them is valid, and their place.

        `window` is x0 <= x < x1, y0 <= y < y1 in pixels of the scene. With `most` the picture is reduced, antialiased,
        until its longer side has at most so many pixels; its transform is that of the reduced window.

        Pixels that are not valid are black. A scene without any valid pixel is refused, a window without one is not.
        What cannot be decoded raises; where `tolerant`, it is black and not valid. The whole picture at its own size is
        kept while the scene is open.
        """
        height, width = self.hw
        everything = Window(0, 0, width, height)
        part = everything if window is None else self._inside(window)
        out_hw = _reduced(part.hw, most)
        is_whole = (part, out_hw) == (everything, self.hw)
        if is_whole and self._kept:
            return self._kept[0]
        refuse_too_large(self.source, (out_hw[1], out_hw[0]), "read windows of it with open_source, or give it `most`")
        rgb, valid = self._pixels.read(part, out_hw, tolerant)
        if window is None and valid is not None and not valid.any():
            self._pixels.refuse_empty()
        scale_xy = part.hw[1] / out_hw[1], part.hw[0] / out_hw[0]
        transform = self.transform and frames.window_transform(self.transform, part[:2], scale_xy)
        shown = None if is_whole else part
        picture = Picture(rgb, self.source, crs_text(self.crs), transform, valid, shown, self._origin_xy)
        if is_whole and window is None and not tolerant:
            self._kept.append(picture)
        return picture

    def part(self, window: Window, inside: Inside | None = None) -> Scene:
        """Return a window of the scene as a scene of its own, open as long as this one.

        Its pixels count from the window's upper left one. What is not `inside` is not valid.
        """
        x, y, _, _ = self._inside(window)
        transform = self.transform and frames.window_transform(self.transform, (x, y))
        pixels = Part(self._pixels, window, inside, self.source)
        origin_xy = self._origin_xy[0] + x, self._origin_xy[1] + y
        return Scene(pixels, self.source, (self.crs, transform), origin_xy=origin_xy)

    def _inside(self, window: Window) -> Window:
        x0, y0, x1, y1 = window
        height, width = self.hw
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(
                f"window x {x0} to {x1}, y {y0} to {y1} does not lie in `{self.source}` of {width} x {height} pixels; "
                "clip it to the scene"
            )
        return Window(x0, y0, x1, y1)


def open_source(
    source: Source | Scene,
    bands: tuple[int, ...] | None = None,
    *,
    percentiles: Percentiles = PERCENTILES,
    georeferenced: bool = True,
    uploaded: bool = False,
    progress: Progress = SILENT,
) -> Scene:
    """Open an image file of any size, a PIL image, an array or a `Picture`; `PictureError` says why it cannot.

    `bands` are one number or three, from 1; by default red, green and blue, else bands 1 to 3, else band 1.
    With `georeferenced=False` whatever says where the raster lies is ignored, also what would be refused. Of a `Scene`
    that is open already the same scene is returned, as a view whose end does not close it. An `uploaded` file is
    somebody else's: kinds that may point to other files are refused unopened, and GDAL sees none of PIL's kinds.
    `progress` gets a report for each part of a large file that is read whole, and stops that reading.
    """
    bands = require_bands(bands)
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise UsageError(f"percentiles ({low:g}, {high:g}) are no stretch; give two rising numbers from 0 to 100")
    if isinstance(source, Scene):
        if bands not in (None, source.bands):
            raise UsageError(f"`{source.source}` is open with bands {source.bands}; open the file again for others")
        view = copy.copy(source)
        view._closing = contextlib.ExitStack()
        return view
    if isinstance(source, str | os.PathLike):
        return _open_file(os.fsdecode(source), bands, percentiles, georeferenced, uploaded, progress)
    if isinstance(source, Picture):
        scene = Scene(
            Whole(Decoded(source.rgb, source.valid), source.source, bands, percentiles),
            source.source,
            (source.crs, source.transform) if georeferenced else NOWHERE,
        )
        if bands is None and georeferenced and source.part is None:
            scene._kept.append(source)
        return scene
    if isinstance(source, np.ndarray):
        return Scene(Whole(decode_array(source), "array", bands, percentiles), "array")
    if isinstance(source, Image.Image):
        return Scene(Whole(decode_image(source), "PIL image", bands, percentiles), "PIL image")
    raise PictureError(f"a {type(source).__name__} is no picture; {ACCEPTED}")


def open_picture(source: Source) -> Picture:
    """Read an image file, a PIL image or an array whole; `PictureError` says what to do if it cannot be read.

    Where its place on the map is one that `open_source` refuses, the picture has none, and a warning says so.
    """
    try:
        with open_source(source) as scene:
            return scene.read()
    except MisplacedError as error:
        logger.warning("%s", error)
    with open_source(source, georeferenced=False) as scene:
        return scene.read()


def _open_file(
    name: str,
    bands: tuple[int, ...] | None,
    percentiles: Percentiles,
    georeferenced: bool,
    uploaded: bool,
    progress: Progress,
) -> Scene:
    remote = web.is_address(name)
    if remote and uploaded:  # nobody else's word makes this machine ask another one
        raise PictureError(f"`{web.shown(name)}` is an address; send the file itself")
    address, name = name, web.shown(name)
    file = None if remote else existing_file(name)
    rasterio = None if file and uploaded and not upload.is_for_gdal(file) else geotiff.rasterio_or_none()
    with contextlib.ExitStack() as closing:
        dataset: Any = (rasterio and _opened(rasterio, file, name, closing)) if file else web.opened(address, closing)
        if file and not dataset:
            return Scene(Whole(decode_file(file), name, bands, percentiles), name)
        with decoding(name), geotiff.gdal_errors(rasterio):
            placed = place(dataset, name) if georeferenced else NOWHERE
            turned = not has_place(dataset)
            view = geotiff.view(file) if file and dataset.driver == "GTiff" else geotiff.View()
            mention_frames(name, len(dataset.subdatasets))
            if file and (view.needs_pil or is_for_pil(dataset, file)):
                decoded = decode_file(file, dataset if dataset.driver == "GTiff" else None, turned=turned)
                return Scene(Whole(decoded, name, bands, percentiles), name, placed)
            chosen = choose_bands(dataset, name, bands)
            if turned and view.orientation != 1:
                refuse_too_large(name, (dataset.width, dataset.height))
                decoded = Decoded(*BandReader(dataset, chosen, name).read(), view.orientation)
                whole = Whole(decoded, name, None, percentiles)
                whole.bands = chosen
                return Scene(whole, name, placed)
            coarse = None
            if remote:
                small, step = web.overview(address, dataset, sampling_step((dataset.height, dataset.width)), closing)
                coarse = small and (Windowed(rasterio, small, name, chosen, percentiles, progress, step=1), step)
            pixels = Windowed(rasterio, dataset, name, chosen, percentiles, progress, coarse)
        return Scene(pixels, name, placed, closing.pop_all())


def image_content(path: str | os.PathLike[str]) -> str:
    """Return a digest of what an image file holds and where it lies on the map; "" for a file that cannot be read.

    It covers every byte of the file and of what belongs to it (a world file, the sources of a VRT). Statistics and
    overviews that other programs lay beside it do not count.
    """
    file = expanded(path)
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
                facts = [
                    crs_text(dataset.crs),
                    stored_transform(dataset) or IDENTITY,
                    dataset.nodatavals,
                    dataset.colorinterp,
                ]
                facts += [(point.row, point.col, point.x, point.y) for point in dataset.gcps[0]]
                facts += [each for each in names if not Path(each).is_file()]  # sources on the web, or lost ones
            return [Path(each) for each in names if Path(each).is_file()], facts
    return None


def _opened(rasterio: Any, file: Path, name: str, closing: contextlib.ExitStack) -> Any:
    """Open a dataset until `closing` closes it; return `None` for what GDAL does not know and PIL may."""
    try:
        with decoding(name), geotiff.gdal_errors(rasterio):
            dataset = closing.enter_context(rasterio.open(file))
            geotiff.settle(dataset)
    except PictureError:
        with decoding(name):
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


def _reduced(hw: tuple[int, int], most: int) -> tuple[int, int]:
    """Return a size whose longer side has at most `most` pixels; 0 leaves it as it is."""
    scale = min(1.0, most / max(hw)) if most else 1.0
    return max(1, round(hw[0] * scale)), max(1, round(hw[1] * scale))
