"""Draw what each stage made of a picture: one tile of a panel each, with its title and its caption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from zeroov.errors import count_of
from zeroov.frames import box_to_mask, cell_centres_xy, min_max, resize_map, resize_mask, to_picture
from zeroov.look import Cost, Look, Outline
from zeroov.outputs.answer import Closer
from zeroov.outputs.images import overlay
from zeroov.outputs.selection import why
from zeroov.show import page as pages
from zeroov.show.page import YELLOW, draw_box
from zeroov.show.words import legible, wrapped
from zeroov.types import Bool, Box, Evolved, Float32, Picture, Selection, Uint8

DIM = 0.4  # how much of its light the rest loses beside what is marked

LABELLED = 9  # the best candidates, which bear their rank and value

HEAT = matplotlib.colormaps["inferno"]

Draw = Callable[[Axes], None]


@dataclass(frozen=True)
class Tile:
    """One picture of the panel: the text above and below it, and what draws it."""

    title: str
    caption: str
    draw: Draw
    crop: Picture | None = None  # drawn in its own pixels instead of the picture's


def tiles_of(look: Look, closer: Sequence[Closer]) -> Iterator[Tile]:
    """Yield the pictures of a look, in the order of the stages."""
    picture, rgb, costs = look.picture, pages.drawn(look.picture.rgb), look.costs
    evolved, affinity, refined, answer_box = look.evolved, look.affinity, look.refined, look.overview.answer_box
    heat: Float32 = (
        evolved.cross_on_grid
        if evolved
        else np.mean([min_max(layer) for layer in look.overview.layers], axis=0, dtype=np.float32)
    )
    yield picture_tile(picture, rgb, answer_box)
    yield Tile("Overview: attention", _cost(costs.get("overview")), lambda axes: _draw_heat(axes, picture, rgb, heat))
    if affinity:
        seed = int(np.argmax(resize_map(heat, affinity.grid_hw)))
        tied = affinity.matrix[seed].astype(np.float32).reshape(affinity.grid_hw)
        caption = _cost(costs.get("focus"))
        yield Tile("Focus: tied to the top seed", caption, lambda axes: _draw_heat(axes, picture, rgb, tied, seed))
    if evolved:
        caption = _cost(costs.get("evolve"))
        yield Tile("Evolve: attentions fused", caption, lambda axes: _draw_heat(axes, picture, rgb, evolved.fused))
        seeds, grown = int(evolved.seeds.sum()), int(evolved.region.sum())
        cells = f"{count_of(seeds, 'seed')} grew to {count_of(grown, 'cell')}"
        yield Tile("Evolve: grown from seeds", cells, lambda axes: _draw_region(axes, picture, rgb, evolved))
        yield outline_tile("Evolve: mask and box", picture, rgb, Outline(evolved.mask, evolved.box))
    if selection := look.selection:
        chosen = selection
        yield Tile("Select: candidates", why(chosen), lambda axes: _draw_candidates(axes, picture, rgb, chosen))
    if refined:
        predicted = f"predicted IoU {refined.predicted_iou:.2f}" if refined.box else ""
        there = "" if refined.object_score is None else f"object score {refined.object_score:.2f}"
        caption = ", ".join(filter(None, (_cost(costs.get("refine")), predicted, there)))
        yield outline_tile("Refine: Segment Anything", picture, rgb, Outline(refined.mask, refined.box), caption)
    for number, each in enumerate(closer, start=1):
        yield from _closer_tiles(number, picture, rgb, each)


def picture_tile(picture: Picture, rgb: Uint8, answer_box: Box | None) -> Tile:
    """Return the picture, and dashed the box that the language model gave in its answer."""

    def draw(axes: Axes) -> None:
        _draw_pixels(axes, picture, rgb)
        if answer_box:
            draw_box(axes, answer_box.xyxy, linestyle=(0, (4, 3)))

    return Tile("Picture", _size(picture, answer_box), draw)


def outline_tile(title: str, picture: Picture, rgb: Uint8, outline: Outline, caption: str = "") -> Tile:
    """Return the picture of an outline (pixels of `picture`)."""
    mask, box = outline
    return Tile(title, caption or _pixels(mask), lambda axes: _draw_found(axes, picture, rgb, mask, box))


def box_tile(title: str, picture: Picture, rgb: Uint8, box: Box) -> Tile:
    """Return the picture of a box without a mask (pixels of `picture`)."""

    def draw(axes: Axes) -> None:
        _draw_pixels(axes, picture, rgb)
        draw_box(axes, box.xyxy)

    return Tile(title, "a box", draw)


def _closer_tiles(number: int, picture: Picture, rgb: Uint8, closer: Closer) -> Iterator[Tile]:
    """Yield the pictures of a closer look: where it looked, what it attended to, and what it found there."""
    look = closer.look
    crop, evolved = look.picture, look.evolved
    near = pages.drawn(crop.rgb)
    expression, _ = legible(look.question.expression)
    asked = wrapped(f'asked "{expression}"', 34, 1)
    window = to_picture(Box(*map(float, crop.window)), picture)
    assert window is not None  # a closer look lies in what was looked at before
    yield Tile(f"Zoom {number}: where", asked, lambda axes: _draw_window(axes, picture, rgb, window))
    if evolved:
        heat, cost = evolved.cross_on_grid, _cost(look.costs.get("overview"))
        yield Tile(f"Zoom {number}: attention", cost, lambda axes: _draw_heat(axes, crop, near, heat), crop)
        shown = look.refined if look.refined and look.refined.box else evolved
        mask, box = shown.mask, shown.box
        verdict = f"{'believed' if closer.verdict == 'agrees' else 'not believed'}, agreement {look.agreement:.2f}"
        yield Tile(f"Zoom {number}: found", verdict, lambda axes: _draw_found(axes, crop, near, mask, box), crop)


def _draw_window(axes: Axes, picture: Picture, rgb: Uint8, window: Box) -> None:
    """Draw the picture with all but a window in grey."""
    dark = np.broadcast_to(_grey(rgb) * 0.5, rgb.shape).astype(np.uint8)
    inside = resize_mask(box_to_mask(window, picture.hw), _hw(rgb))
    _draw_pixels(axes, picture, np.where(inside[..., None], rgb, dark))
    draw_box(axes, window.xyxy)


def _draw_found(axes: Axes, picture: Picture, rgb: Uint8, mask: Bool, box: Box | None) -> None:
    """Draw a mask (rows, cols) over all of the picture, and a box in its pixels, or say that there is nothing."""
    if mask.any():
        _draw_pixels(axes, picture, overlay(rgb, resize_mask(mask, _hw(rgb)), dim=DIM))
    else:
        _draw_pixels(axes, picture, np.broadcast_to(_grey(rgb) * 0.4, rgb.shape).astype(np.uint8))
        pages.say(axes, "nothing found", 12)
    if box:
        draw_box(axes, box.xyxy)
        if pages.is_tiny(box.xyxy, picture.hw):
            pages.draw_ring(axes, box.xyxy, picture.hw)


def _draw_candidates(axes: Axes, picture: Picture, rgb: Uint8, selection: Selection) -> None:
    """Draw every candidate's box with its rank and value; what is not meant is thin and grey."""
    _draw_pixels(axes, picture, rgb)
    choice = selection.choice
    for rank, at in reversed(list(enumerate(choice.order, start=1))):
        box = selection.pool.candidates[at].box
        line = {} if at in selection.meant else {"linewidth": 0.9, "edgecolor": "white"}
        draw_box(axes, box.xyxy, **line)
        if rank <= LABELLED:
            pages.label(axes, box.xyxy, f"{rank}: {choice.values[at]:.2f}")


def _draw_region(axes: Axes, picture: Picture, rgb: Uint8, evolved: Evolved) -> None:
    """Draw the region's cells, with a dot in each that is a seed."""
    _draw_found(axes, picture, rgb, evolved.region, None)
    x, y = cell_centres_xy(_hw(evolved.seeds), picture.hw)[evolved.seeds].T
    axes.plot(x, y, "o", markersize=4.5, markerfacecolor=YELLOW, markeredgecolor="black", markeredgewidth=0.8)


def _draw_heat(axes: Axes, picture: Picture, rgb: Uint8, heat: Float32, cell: int | None = None) -> None:
    """Draw a (rows, cols) map over the greyed picture; ring one of its cells."""
    _draw_pixels(axes, picture, heated(rgb, heat))
    if cell is not None:
        x, y = cell_centres_xy(_hw(heat), picture.hw).reshape(-1, 2)[cell]
        axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=1.8)


def heated(rgb: Uint8, heat: Float32) -> Uint8:
    """Return the greyed picture (H, W, 3) with a (rows, cols) map over it, hotter more opaque."""
    values = resize_map(min_max(heat), _hw(rgb)).clip(0, 1)
    colours = HEAT(0.3 + 0.7 * values)[..., :3]  # its darkest third would hide the picture
    opacity = 0.85 * values[..., None] ** 0.7
    pixels: Uint8 = (_grey(rgb) * (1 - opacity) + colours * 255 * opacity).astype(np.uint8)
    return pixels


def _draw_pixels(axes: Axes, picture: Picture, pixels: Uint8) -> None:
    """Draw pixels so that the axes count in pixels of the picture itself."""
    height, width = picture.hw
    axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased", aspect="auto")


def _grey(rgb: Uint8) -> Float32:
    grey: Float32 = rgb.mean(axis=2, dtype=np.float32)[..., None]
    return grey


def _hw(array: NDArray[Any]) -> tuple[int, int]:
    return array.shape[0], array.shape[1]


def _size(picture: Picture, answer_box: Box | None) -> str:
    height, width = picture.hw
    stretched = "" if width / height == pages.drawn_aspect(picture.hw) else ", stretched"
    return f"{width} x {height} px{stretched}{', dashed: answer' if answer_box else ''}"


def _pixels(mask: Bool) -> str:
    return f"{count_of(int(mask.sum()), 'pixel')}, {mask.mean():.1%} of what is shown"


def _cost(cost: Cost | None) -> str:
    """Say what a stage took, for this one picture."""
    if cost is None:
        return ""
    memory = ""
    if cost.peak_bytes is not None:
        mib = cost.peak_bytes / 2**20
        memory = f", {mib / 1024:.1f} GiB" if mib >= 1024 else f", {mib:.0f} MiB"
    loading = f" after {cost.load_seconds:.1f} s of loading" if cost.load_seconds else ""
    return f"{cost.seconds:.2f} s{loading}{memory}{', from a dump' if cost.origin == 'dump' else ''}"
