"""What was found in a scene, and the scene it was found in: all that the writers of maps and labels need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroov import frames
from zeroov.frames import Transform
from zeroov.look import Outline
from zeroov.raster.georeference import crs_text
from zeroov.types import Bool, Box, Picture

if TYPE_CHECKING:
    from zeroov.raster.scene import Scene

LEAST_VALID = 0.5  # of what is found; the rest may be nodata


@dataclass(frozen=True, eq=False)
class Found:
    """One object in a scene.

    `mask` is bool (h, w), a window of the scene whose upper left pixel is `origin_xy`, so that the mask of a large
    scene is never held whole. `box` is in scene pixels. `extra` are further attributes, plain values by name.
    """

    mask: Bool
    origin_xy: tuple[int, int]
    box: Box
    score: float
    expression: str
    status: str = "found"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mask.dtype != np.bool_ or self.mask.ndim != 2 or not self.mask.any():
            raise ValueError(
                f"a found object needs a bool mask (h, w) with a pixel set, got {self.mask.dtype} {self.mask.shape}; "
                "nothing found is an empty sequence"
            )
        if min(self.origin_xy) < 0:
            raise ValueError(f"a window's upper left pixel lies in the scene, got {self.origin_xy}")

    @property
    def window_xyxy(self) -> tuple[int, int, int, int]:
        """The window of the mask: x0, y0, x1, y1 in scene pixels."""
        x, y = self.origin_xy
        return x, y, x + self.mask.shape[1], y + self.mask.shape[0]

    @property
    def pixels(self) -> int:
        """How many pixels the mask sets."""
        return int(np.count_nonzero(self.mask))

    @property
    def mask_box(self) -> Box:
        """The tight box of the mask in scene pixels; `box` is the answer's, which may be wider or narrower."""
        tight = frames.mask_to_box(self.mask)
        assert tight is not None
        return frames.crop_to_image(tight, self.origin_xy)

    def moved(self, x: int, y: int) -> Found:
        """Return the same object, so many pixels further right and down: in a scene that this one is a part of."""
        origin_xy = self.origin_xy[0] + x, self.origin_xy[1] + y
        return replace(self, origin_xy=origin_xy, box=frames.crop_to_image(self.box, (x, y)))

    def trimmed(self) -> Found:
        """Return the same object with its mask cut to what is set, a copy that keeps no larger array alive."""
        tight = frames.mask_to_box(self.mask)
        assert tight is not None
        x0, y0, x1, y1 = map(int, tight.xyxy)
        origin_xy = self.origin_xy[0] + x0, self.origin_xy[1] + y0
        mask = self.mask[y0:y1, x0:x1].copy()
        return Found(mask, origin_xy, self.box, self.score, self.expression, self.status, self.extra)


def found_of(
    picture: Picture, outline: Outline, expression: str, score: float, box: Box | None = None, **extra: Any
) -> Found | None:
    """Return what was outlined in a picture as an object in the scene, without what lies on invalid pixels.

    `outline` is in pixels of the picture. `box` (scene pixels) is the object's, by default the outline's; where
    anything is cut off it is the tight one of what is left. `None` where less than half is left.
    """
    if outline.box is None:
        return None
    mask = outline.mask
    kept = mask if picture.valid is None else mask & picture.valid
    before, left = np.count_nonzero(mask), np.count_nonzero(kept)
    if left < max(1, LEAST_VALID * before):
        return None
    tight = frames.mask_to_box(kept) if left < before else None
    box = frames.to_scene(tight, picture) if tight else box or frames.to_scene(outline.box, picture)
    window = picture.window
    return Found(frames.resize_mask(kept, window.hw), window[:2], box, score, expression, extra=extra).trimmed()


@dataclass(frozen=True)
class SceneInfo:
    """Which scene was asked: its source, size, CRS ("EPSG:n" or WKT), the affine of its pixel edges, its bands."""

    source: str
    hw: tuple[int, int]
    crs: str | None = None
    transform: Transform | None = None
    bands: tuple[int, ...] = field(default=(1, 2, 3), compare=False)

    @classmethod
    def of(cls, scene: Scene | Picture) -> SceneInfo:
        """Return what an open scene or a picture says of itself."""
        bands = (1, 2, 3) if isinstance(scene, Picture) else scene.bands
        return cls(scene.source, scene.hw, crs_text(scene.crs), scene.transform, bands)

    @property
    def is_on_map(self) -> bool:
        """Whether pixels of the scene have map coordinates in a known CRS."""
        return self.crs is not None and self.transform is not None

    def require_inside(self, founds: Sequence[Found]) -> None:
        """Refuse objects whose window does not lie in the scene."""
        height, width = self.hw
        for found in founds:
            x1, y1 = found.window_xyxy[2:]
            if x1 > width or y1 > height:
                raise ValueError(f"the window {found.window_xyxy} of a found object leaves {width} x {height} pixels")
