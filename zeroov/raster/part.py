"""A part of a scene, read as if it were a scene of its own: nothing outside of it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from zeroov.errors import PictureError
from zeroov.frames import HW
from zeroov.types import Bool, Uint8, Window

if TYPE_CHECKING:
    from zeroov.raster.whole import Whole
    from zeroov.raster.windowed import Windowed

Inside = Callable[[Window, HW], Bool]
"""Which pixels of a window, reduced to a size, belong to the part: their centres decide."""


class Part:
    """The pixels of a window of a scene; those that are not `inside` are black and not valid."""

    def __init__(self, pixels: Windowed | Whole | Part, window: Window, inside: Inside | None, name: str) -> None:
        self._pixels, self._window, self._inside, self._name = pixels, window, inside, name
        self.hw: HW = window.hw
        self.bands: tuple[int, ...] = pixels.bands

    def read(self, window: Window, out_hw: HW, tolerant: bool) -> tuple[Uint8, Bool | None]:
        """Return a window (pixels of the part) at a size: RGB, and which pixels are valid, `None` for all."""
        x, y, _, _ = self._window
        window = Window(window.x0 + x, window.y0 + y, window.x1 + x, window.y1 + y)
        inside = None if self._inside is None else self._inside(window, out_hw)
        if inside is not None and not inside.any():  # nothing of it is seen, so none of the file is decoded
            return np.zeros((*out_hw, 3), np.uint8), inside
        rgb, valid = self._pixels.read(window, out_hw, tolerant)
        if inside is None:
            return rgb, valid
        valid = inside if valid is None else valid & inside
        return np.where(valid[..., None], rgb, np.uint8(0)), None if valid.all() else valid

    def refuse_empty(self) -> None:
        """Refuse a part without any valid pixel."""
        raise PictureError(
            f"the area in `{self._name}` (pixels {list(self._window)}) holds no valid pixel; name another area"
        )
