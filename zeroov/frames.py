"""The one place that changes frames: grid cell <-> model pixel <-> image pixel <-> map coordinate, and box <-> mask.

Conventions: arrays are indexed (row, column); sizes are (height, width); boxes are half-open (x0, y0, x1, y1).
A transform is the affine (a, b, c, d, e, f) of pixel edges: the pixel point (x, y) lies on the map at
(a x + b y + c, d x + e y + f), so the upper left corner of pixel (0, 0) at (c, f) and its centre at pixel (0.5, 0.5).
Every resize of a map or mask happens here, bilinear with half-pixel centres ("align_corners off").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from zeroov.types import Bool, Box, Float32, Picture, Uint8, Window

if TYPE_CHECKING:
    from torch import Tensor

HW = tuple[int, int]
XYXY = tuple[float, float, float, float]
Transform = tuple[float, float, float, float, float, float]
Float64 = NDArray[np.float64]
Fit = Literal["pad", "squash"]


def resize_map(values: NDArray[np.floating], to_hw: HW) -> Float32:
    """Resize a (rows, cols) map bilinearly, without antialiasing, to `to_hw`; float32."""
    height, width = to_hw
    source = np.ascontiguousarray(values, dtype=np.float32)
    if source.shape == (height, width):
        return source.copy()
    resized: Float32 = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width)
    return resized


def resize_rgb(rgb: Uint8, to_hw: HW, kernel: Literal["bilinear", "bicubic"], part_xyxy: XYXY | None = None) -> Uint8:
    """Resize a picture (H, W, 3), or a part of it, with antialiasing, as models are trained with: PIL's kernels."""
    from PIL import Image

    resampling = Image.Resampling[kernel.upper()]
    return np.asarray(Image.fromarray(rgb).resize((to_hw[1], to_hw[0]), resampling, box=part_xyxy))


def resize_mask(mask: Bool, to_hw: HW) -> Bool:
    """Resize a bool (H, W) mask by the nearest pixel to `to_hw`."""
    height, width = to_hw
    if mask.shape == (height, width):
        return mask.copy()
    rows, cols = nearest_pixels(mask.shape[0], height), nearest_pixels(mask.shape[1], width)
    resized: Bool = mask.take(rows, axis=0).take(cols, axis=1)  # four times as fast as one fancy index
    return resized


def nearest_pixels(length: int, to_length: int) -> NDArray[np.intp]:
    """Return the pixel, of `length` in a row, that is nearest to each of `to_length` as long as they are together.

    Nearest by half-pixel centres; cv2's INTER_NEAREST takes the pixel's corner instead and shifts the mask.
    """
    return np.minimum(((np.arange(to_length) + 0.5) * length / to_length).astype(np.intp), length - 1)


def min_max(values: NDArray[np.floating]) -> Float32:
    """Scale a map to [0, 1]; a constant map becomes 0."""
    array = np.asarray(values, dtype=np.float32)
    low, high = float(array.min()), float(array.max())
    if not high > low:
        return np.zeros_like(array)
    scaled: Float32 = (array - np.float32(low)) / np.float32(high - low)
    return scaled


def mask_to_box(mask: Bool) -> Box | None:
    """Return the tight half-open box of a bool (H, W) mask, or `None` when nothing is set."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return Box(float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1))


def box_to_mask(box: Box, image_hw: HW) -> Bool:
    """Return the bool (H, W) mask of the pixels whose centres lie in `box`."""
    height, width = image_hw
    mask = np.zeros((height, width), dtype=np.bool_)
    x0, y0, x1, y1 = np.ceil(np.asarray(box.xyxy) - 0.5).astype(int)
    mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return mask


def clip_box(box_xyxy: tuple[float, float, float, float], image_hw: HW) -> Box | None:
    """Return the part of a box inside an image of `image_hw`, or `None` when none of it is."""
    height, width = image_hw
    x0, y0, x1, y1 = box_xyxy
    x0, x1 = max(0.0, min(x0, x1)), min(float(width), max(x0, x1))
    y0, y1 = max(0.0, min(y0, y1)), min(float(height), max(y0, y1))
    return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def scale_box(box_xyxy: tuple[float, float, float, float], from_hw: HW, to_hw: HW) -> Box | None:
    """Map a box from a frame of size `from_hw` to one of size `to_hw` , clipped; `None` when outside."""
    fy, fx = to_hw[0] / from_hw[0], to_hw[1] / from_hw[1]
    x0, y0, x1, y1 = box_xyxy
    return clip_box((x0 * fx, y0 * fy, x1 * fx, y1 * fy), to_hw)


def crop_to_image(box: Box, crop_origin_xy: tuple[float, float]) -> Box:
    """Map a box from a crop's pixels to the image's, given the crop's upper left corner in the image."""
    x, y = crop_origin_xy
    return Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)


def image_to_crop(box: Box, crop_origin_xy: tuple[float, float]) -> Box:
    """Map a box from the image's pixels to a crop's, which it may leave."""
    x, y = crop_origin_xy
    return crop_to_image(box, (-x, -y))


def box_hull(first: Box, second: Box) -> Box:
    """Return the smallest box that holds two boxes of one frame."""
    low = min(first.x0, second.x0), min(first.y0, second.y0)
    return Box(*low, max(first.x1, second.x1), max(first.y1, second.y1))


@dataclass(frozen=True)
class Square:
    """How a picture lies in the square that a model of masks sees: it fills the upper left `inside_hw` of it."""

    image_hw: HW
    side: int
    inside_hw: HW
    fit: Fit

    def box(self, box_xyxy: XYXY) -> Box | None:
        """Map a box from image pixels to pixels of the square, clipped to the picture; `None` when outside."""
        return scale_box(box_xyxy, self.image_hw, self.inside_hw)

    def point(self, point_xy: tuple[float, float]) -> tuple[float, float]:
        """Map a point from image pixels to pixels of the square."""
        (height, width), (inside_h, inside_w) = self.image_hw, self.inside_hw
        return point_xy[0] * inside_w / width, point_xy[1] * inside_h / height

    def reach_hw(self, low_res_side: int) -> tuple[float, float]:
        """Return how much the picture takes of the square's own masks, which are `low_res_side` a side."""
        return self.inside_hw[0] * low_res_side / self.side, self.inside_hw[1] * low_res_side / self.side

    def lay(self, heat: Float32, low_res_side: int) -> Float32:
        """Lay a map of the picture into the square, whose rest is 0, at the size of the square's own masks."""
        import torch
        from torch.nn import functional as F

        square = np.zeros((self.side, self.side), dtype=np.float32)
        square[: self.inside_hw[0], : self.inside_hw[1]] = resize_map(heat, self.inside_hw)
        reduced: Float32 = F.adaptive_avg_pool2d(torch.from_numpy(square)[None, None], low_res_side)[0, 0].numpy()
        return reduced

    def to_image(self, low_res: Tensor) -> Tensor:
        """Map the square's own masks (n, masks, rows, cols), as logits, to image pixels (n, masks, H, W).

        As the models' own code does it: bilinear, and where the square is padded, by way of its full size.
        """
        from torch.nn import functional as F

        if self.fit == "pad":
            whole = F.interpolate(low_res, (self.side, self.side), mode="bilinear", align_corners=False)
            low_res = whole[..., : self.inside_hw[0], : self.inside_hw[1]]
        return F.interpolate(low_res, self.image_hw, mode="bilinear", align_corners=False)


def place_in_square(image_hw: HW, side: int, fit: Fit) -> Square:
    """Say how a picture lies in a model's square: `pad` keeps its proportions, `squash` fills the square with it.

    Padded, the longest side is `side`, as the first Segment Anything has it, but nothing is thinner than a pixel.
    """
    if fit == "squash":
        return Square(image_hw, side, (side, side), fit)
    scale = side / max(image_hw)
    height, width = (max(1, int(extent * scale + 0.5)) for extent in image_hw)
    return Square(image_hw, side, (height, width), fit)


def to_scene(box: Box, picture: Picture) -> Box:
    """Map a box from a picture's pixels to those of the scene that it shows a window of, reduced or not."""
    return from_window(box, picture.hw, picture.window)


def from_window(box: Box, hw: HW, window: Window) -> Box:
    """Map a box from a window, read as a picture of some size, to what it is a window of."""
    across, down = window.hw[1] / hw[1], window.hw[0] / hw[0]
    return crop_to_image(Box(box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down), window[:2])


def to_picture(box: Box, picture: Picture) -> Box | None:
    """Map a box from a scene's pixels to those of a picture of it, clipped; `None` when outside."""
    return scale_box(image_to_crop(box, picture.window[:2]).xyxy, picture.window.hw, picture.hw)


def pixel_to_map(points_xy: NDArray[Any], transform: Transform | Float64) -> Float64:
    """Map points (..., 2) in pixels, of boxes' corners or polygons' rings as well, to map coordinates (..., 2).

    A transform of (6, ...) numbers holds one for each point.
    """
    a, b, c, d, e, f = transform
    x, y = np.moveaxis(np.asarray(points_xy, dtype=np.float64), -1, 0)
    return np.stack((a * x + b * y + c, d * x + e * y + f), axis=-1)


def map_to_pixel(points_xy: NDArray[Any], transform: Transform) -> Float64:
    """Map points (..., 2) in map coordinates back to pixels (..., 2)."""
    a, b, c, d, e, f = transform
    # The origin goes first: map coordinates are millions of metres, and pixels parts of one.
    x, y = np.moveaxis(np.asarray(points_xy, dtype=np.float64) - (c, f), -1, 0)
    area = a * e - b * d
    return np.stack(((e * x - b * y) / area, (a * y - d * x) / area), axis=-1)


def box_corners_xy(box: Box) -> Float64:
    """Return the (4, 2) corners of a box: upper left, upper right, lower right, lower left; map them one by one."""
    return np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)], dtype=np.float64)


def window_transform(
    transform: Transform, origin_xy: tuple[float, float], scale_xy: tuple[float, float] = (1.0, 1.0)
) -> Transform:
    """Return the transform of a window of a scene whose pixels are `scale_xy` scene pixels wide and high."""
    a, b, _, d, e, _ = transform
    c, f = pixel_to_map(np.array(origin_xy), transform).tolist()
    return a * scale_xy[0], b * scale_xy[1], c, d * scale_xy[0], e * scale_xy[1], f


def cell_centres_xy(grid_hw: HW, image_hw: HW) -> Float32:
    """Return the (rows, cols, 2) centres of a grid's cells as (x, y) in image pixels."""
    rows, cols = grid_hw
    y = (np.arange(rows, dtype=np.float32) + 0.5) * image_hw[0] / rows
    x = (np.arange(cols, dtype=np.float32) + 0.5) * image_hw[1] / cols
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).astype(np.float32)


def peak_xy(values: NDArray[np.floating], region: Bool, image_hw: HW) -> tuple[float, float]:
    """Return the centre (x, y), in image pixels, of the highest cell inside `region` of a (rows, cols) map."""
    kept = np.where(region, values, -np.inf) if region.any() else values
    x, y = cell_centres_xy((values.shape[0], values.shape[1]), image_hw).reshape(-1, 2)[int(np.argmax(kept))]
    return float(x), float(y)


def share_of_smaller(first: Box, second: Box) -> float:
    """Return the share of the smaller of two boxes of one frame that lies in the other."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min((box.x1 - box.x0) * (box.y1 - box.y0) for box in (first, second))
    return max(width, 0.0) * max(height, 0.0) / smaller


def box_iou(first: Box, second: Box) -> float:
    """Return the intersection over union of two half-open boxes of one frame."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in (first, second)]
    return shared / (sum(areas) - shared)
