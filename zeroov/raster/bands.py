"""Read bands of an open raster, with what is valid in them."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import PictureError, UsageError
from zeroov.types import Bool

MANY_VALUES = 32  # of an alpha band, besides wholly transparent and opaque: then it may be no alpha band

logger = logging.getLogger(__name__)


class Bands(NamedTuple):
    """What was read: samples (H, W, 1 or 3), and which of them are not nodata, masked or wholly transparent.

    `valid` is bool (H, W), or (H, W, C) for a nodata value, which single samples of a pixel may have, or `None`: all.
    """

    values: NDArray[Any]
    valid: Bool | None


class BandReader:
    """Some bands, numbered from 1, of an open rasterio dataset. In grey white is high, also where it is stored as 0.

    A band that GDAL takes for an alpha band says what is valid, unless it is one of those that are shown.
    """

    def __init__(self, dataset: Any, indexes: tuple[int, ...], name: str) -> None:
        self._dataset, self.indexes, self._name = dataset, indexes, name
        asked = indexes == (1,) and dataset.driver != "JP2OpenJPEG"  # see `Windowed`
        self._inverted = asked and dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        flags = {index: {flag.name for flag in dataset.mask_flag_enums[index - 1]} for index in indexes}
        own = [not flags[index] & {"all_valid", "per_dataset"} for index in indexes]
        shared = [index for index in indexes if "per_dataset" in flags[index] and "alpha" not in flags[index]]
        kinds = [interpretation.name for interpretation in dataset.colorinterp]
        alpha = kinds.index("alpha") + 1 if "alpha" in kinds else 0
        self._masks: tuple[int, ...] | int = indexes if any(own) else shared[0] if shared else ()
        self._alpha = 0 if alpha in indexes else alpha
        self._checked = False

    def read(self, window: Any = None) -> Bands:
        """Read the bands, or a rasterio window of them."""
        values = np.moveaxis(self._dataset.read(self.indexes, window=window), 0, -1)
        if self._inverted:
            values = invert(values)
        return Bands(values, self.read_valid(window))

    def read_valid(self, window: Any = None) -> Bool | None:
        """Read what is valid alone."""
        valid: Bool | None = None
        if self._masks:
            masks = self._dataset.read_masks(self._masks, window=window) != 0
            valid = np.moveaxis(masks, 0, -1) if masks.ndim == 3 else masks
        if self._alpha:  # to GDAL a nodata value or a mask hides the alpha band
            alpha = self._dataset.read(self._alpha, window=window)
            self._warn_of_values(alpha)
            opaque = alpha > 0
            valid = opaque if valid is None else valid & (opaque if valid.ndim == 2 else opaque[..., None])
        return valid

    def _warn_of_values(self, alpha: NDArray[Any]) -> None:
        """Say once that what was read of an alpha band looks like a picture: GDAL calls any 4th band of bytes alpha."""
        if self._checked:
            return
        count = len(np.unique(alpha[::4, ::4]))
        if count > MANY_VALUES:
            self._checked = True
            logger.warning(
                "%s: band %d is taken for transparency, and has %d values or more; where it is infrared or the like, "
                "its 0 is nodata here: gdal_edit.py -colorinterp_%d undefined %s",
                self._name,
                self._alpha,
                count,
                self._alpha,
                shlex.quote(self._name),
            )


def invert(values: NDArray[Any]) -> NDArray[Any]:
    """Make the lowest sample the highest."""
    return -values if values.dtype.kind == "f" else np.asarray(np.invert(values))


def choose_bands(dataset: Any, name: str, wanted: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return the numbers, from 1, of the bands to show: those wanted, else red, green and blue, else 1 to 3, else 1."""
    kinds = [interpretation.name for interpretation in dataset.colorinterp]
    colours = ("red", "green", "blue")
    if wanted is not None:
        if len(wanted) not in (1, 3) or not all(1 <= index <= dataset.count for index in wanted):
            raise UsageError(wrong_bands(wanted, name, dataset.count))
        chosen = tuple(wanted)
    elif set(colours) <= set(kinds):
        chosen = tuple(kinds.index(colour) + 1 for colour in colours)
    else:
        chosen = (1, 2, 3) if dataset.count >= 3 else (1,)
    for index in chosen:
        if "complex" in dataset.dtypes[index - 1]:
            held = dataset.dtypes[index - 1]
            raise PictureError(f"`{name}` holds {held} samples, not whole or real numbers; export its amplitude")
        if kinds[index - 1] == "palette":
            raise PictureError(
                f"`{name}` holds numbers of colours in its band {index}; "
                f"make colours of them: gdal_translate -expand rgb {shlex.quote(name)} rgb.tif"
            )
    return chosen


def require_bands(bands: object) -> tuple[int, ...] | None:
    """Return the numbers of bands; refuse what is no list of whole numbers, whatever the image holds."""
    if bands is None:
        return None
    if isinstance(bands, Iterable) and not isinstance(bands, str | bytes):
        numbers = tuple(bands)
        if all(isinstance(number, int | np.integer) for number in numbers):
            return tuple(map(int, numbers))
    raise UsageError(f"bands takes one whole number or three, from 1, e.g. (4, 3, 2), got {bands!r}")


def wrong_bands(wanted: tuple[int, ...], name: str, count: int) -> str:
    """Return the message for bands that a picture of `count` bands cannot show."""
    given = ", ".join(map(str, wanted)) or "(none)"
    return f"bands {given} of `{name}` cannot be shown; give one band or three, each from 1 to {count}"
