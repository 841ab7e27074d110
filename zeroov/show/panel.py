"""Draw what every stage found, side by side, as one picture. matplotlib is imported in this folder and nowhere else."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from zeroov.files.atomic import write_atomically
from zeroov.frames import box_to_mask, cell_centres_xy, min_max, resize_map, resize_mask, to_picture
from zeroov.look import Cost, Look, Outline
from zeroov.outputs.answer import Answer, Closer
from zeroov.outputs.images import overlay
from zeroov.raster.scene import Scene
from zeroov.show import page as pages
from zeroov.show.page import GAP, GREY, INCHES, MARGIN, YELLOW, Form, Page, draw_box, form_of
from zeroov.show.scene import draw_scene_panel
from zeroov.show.words import FAMILY, fitted, legible, wrapped
from zeroov.types import Bool, Box, Evolved, Float32, Picture, Uint8

ABOVE, BELOW = 0.34, 0.38  # inches around a picture
LETTERS = 12.5  # of a caption that fit into an inch
DIM = 0.4  # how much of its light the rest loses beside what is marked

HEAT = matplotlib.colormaps["inferno"]

Draw = Callable[[Axes], None]


@dataclass(frozen=True)
class Tile:
    """One picture of the panel: the text above and below it, and what draws it."""

    title: str
    caption: str
    draw: Draw
    crop: Picture | None = None  # drawn in its own pixels instead of the picture's


def draw_panel(answer: Answer, scene: Scene | None = None, *, form: Form = "png", costs: bool = True) -> bytes:
    """Return a picture of the image and of what each stage made of it; stages that did not run are left out.

    Without `costs` it says nothing of seconds and memory. Of a searched scene, which has to be open, it shows where the
    objects lie, the attention of the look at the whole scene, and each object from near.
    """
    if answer.searched and scene:
        glance = [_heated(look.picture.rgb, look.attention) for look in answer.looks]
        return draw_scene_panel(answer, scene, glance, form)
    if not costs:
        answer = _without_costs(answer)
    outline = answer.outline
    tiles = [tile for look in answer.looks[:1] for tile in _tiles(look, answer.closer)]
    if answer.closer or not any(look.evolved or look.refined for look in answer.looks):
        tiles.append(_outline_tile("Answer", answer.shown, outline))
    nothing = f"nothing found: {answer.why_empty}" if answer.why_empty else "nothing found"
    doubt = f" (doubtful: {answer.doubtful})" if answer.doubtful else ""
    found = f"score {answer.score:.2f}{doubt}" if answer.found else nothing
    box = f"box {[round(corner) for corner in answer.box.xyxy]}" if answer.box else ""
    recipe = f"recipe {answer.provenance['recipe']}" if "recipe" in answer.provenance else ""
    words = f"answer: {answer.words}" if answer.words.strip() else ""
    ring = (
        "a white ring shows where a small object is"
        if outline.box and pages.is_tiny(outline.box.xyxy, answer.shown.hw)
        else ""
    )
    about = found, box, ring, recipe, PurePath(answer.source).name, words
    return _drawn_panel(answer.shown, answer.expression, about, tiles, form)


def write_panel(
    path: str | os.PathLike[str], answer: Answer, scene: Scene | None = None, *, costs: bool = True
) -> None:
    """Draw the panel and write it as PNG, PDF or SVG, as the file's name asks for it."""
    write_atomically(path, draw_panel(answer, scene, form=form_of(path), costs=costs))


def _without_costs(answer: Answer) -> Answer:
    closer = tuple(replace(each, look=replace(each.look, costs={})) for each in answer.closer)
    return replace(answer, looks=tuple(replace(look, costs={}) for look in answer.looks), closer=closer)


def draw_look(look: Look, recipe: str) -> bytes:
    """Return a PNG of one look: its picture, and what each stage that ran made of it."""
    words = f"answer: {look.overview.answer}" if look.overview.answer.strip() else ""
    about = (f"recipe {recipe}", PurePath(look.picture.source).name, words)
    return _drawn_panel(look.picture, look.question.expression, about, list(_tiles(look, ())))


@dataclass(frozen=True, eq=False)
class StagePicture:
    """One picture of a panel by itself: its title, its caption, and a PNG without text around it."""

    title: str
    caption: str
    png: bytes


def draw_stages(picture: Picture, look: Look | None, outlines: Mapping[str, Outline]) -> Iterator[StagePicture]:
    """Yield the pictures of a panel one by one: the picture, what each stage made of it, then outlines by their titles.

    Outlines are in pixels of the picture.
    """
    rgb = pages.drawn(picture.rgb)
    tiles = [Tile("Picture", _size(picture, None), lambda axes: _draw_picture(axes, picture, rgb, None))]
    tiles = list(_tiles(look, ())) if look else tiles
    for title, outline in outlines.items():
        boxed = outline.box is not None and not outline.mask.any()  # a box alone was true, or was answered
        tiles.append(_box_tile(title, picture, outline.box) if boxed else _outline_tile(title, picture, outline))
    width, height = pages.tile_size(picture.hw)
    for tile in tiles:
        page = Page(width, height)
        axes = page.axes(0, 0, width, height)
        tile.draw(axes)
        axes.set(xlim=(0, picture.hw[1]), ylim=(picture.hw[0], 0), xticks=[], yticks=[], aspect="auto")
        yield StagePicture(tile.title, tile.caption, page.png())


def _drawn_panel(
    picture: Picture, asked: str, about: Sequence[str], tiles: Sequence[Tile], form: Form = "png"
) -> bytes:
    tile_w, tile_h = pages.tile_size(picture.hw)
    cell_w, cell_h = max(tile_w, INCHES * 0.8) + GAP, tile_h + ABOVE + BELOW
    columns = _columns(len(tiles), cell_w, cell_h)
    width = max(2 * MARGIN + columns * cell_w - GAP, 7.5)
    headline = fitted(asked, int((width - 2 * MARGIN) * 6.6), 3)
    summary = fitted(" · ".join(part for part in about if part), int((width - 2 * MARGIN) * 10.5))
    header = MARGIN + 0.25 * (headline[0].count("\n") + 1) + 0.36
    height = header + math.ceil(len(tiles) / columns) * cell_h + MARGIN / 2

    page = Page(width, height)
    page.text(MARGIN, height - MARGIN, headline, size=14, weight="bold", va="top", linespacing=1.15)
    page.text(MARGIN, height - header + 0.16, summary, size=10, color=GREY)
    letters = int((cell_w - GAP) * LETTERS)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        missing = columns - len(tiles[row * columns : (row + 1) * columns])  # the last row may hold fewer: its middle
        x = MARGIN + (column + missing / 2) * cell_w
        y = height - header - row * cell_h - ABOVE - tile_h
        axes = page.axes(x, y, tile_w, tile_h)
        tile.draw(axes)
        shown_h, shown_w = tile.crop.hw if tile.crop else picture.hw
        aspect = "equal" if tile.crop else "auto"
        axes.set(xlim=(0, shown_w), ylim=(shown_h, 0), xticks=[], yticks=[], aspect=aspect)
        page.text(x, y + tile_h + 0.08, (tile.title, [FAMILY]), size=10.5, weight="bold")
        caption = fitted(tile.caption, letters, 2)
        page.text(x, y - 0.06, caption, size=8.5, color=GREY, va="top", linespacing=1.1)
    return page.encoded(form)


def _columns(count: int, cell_w: float, cell_h: float) -> int:
    """Return the number of columns that brings the panel nearest to a screen's shape, with few empty cells."""

    def unfitness(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * cell_w / (rows * cell_h) / 1.8)) + 0.15 * (rows * columns - count)

    return min(range(1, count + 1), key=unfitness)


def _tiles(look: Look, closer: Sequence[Closer]) -> Iterator[Tile]:
    """Yield the pictures in the order of the stages."""
    picture, rgb, costs = look.picture, pages.drawn(look.picture.rgb), look.costs
    evolved, affinity, refined, answer_box = look.evolved, look.affinity, look.refined, look.overview.answer_box
    heat: Float32 = (
        evolved.cross_on_grid
        if evolved
        else np.mean([min_max(layer) for layer in look.overview.layers], axis=0, dtype=np.float32)
    )
    yield Tile("Picture", _size(picture, answer_box), lambda axes: _draw_picture(axes, picture, rgb, answer_box))
    yield Tile("Overview: attention", _cost(costs.get("overview")), lambda axes: _draw_heat(axes, picture, rgb, heat))
    if affinity:
        seed = int(np.argmax(resize_map(heat, affinity.grid_hw)))
        tied = affinity.matrix[seed].astype(np.float32).reshape(affinity.grid_hw)
        caption = _cost(costs.get("focus"))
        yield Tile("Focus: tied to the top seed", caption, lambda axes: _draw_heat(axes, picture, rgb, tied, seed))
    if evolved:
        caption = _cost(costs.get("evolve"))
        yield Tile("Evolve: attentions fused", caption, lambda axes: _draw_heat(axes, picture, rgb, evolved.fused))
        cells = f"{int(evolved.seeds.sum())} seeds grew to {int(evolved.region.sum())} cells"
        yield Tile("Evolve: grown from seeds", cells, lambda axes: _draw_region(axes, picture, rgb, evolved))
        yield _outline_tile("Evolve: mask and box", picture, Outline(evolved.mask, evolved.box))
    if refined:
        predicted = f"predicted IoU {refined.predicted_iou:.2f}" if refined.box else ""
        caption = ", ".join(filter(None, (_cost(costs.get("refine")), predicted)))
        yield _outline_tile("Refine: Segment Anything", picture, Outline(refined.mask, refined.box), caption)
    for number, each in enumerate(closer, start=1):
        yield from _closer_tiles(number, picture, rgb, each)


def _outline_tile(title: str, picture: Picture, outline: Outline, caption: str = "") -> Tile:
    """Return the picture of an outline (pixels of `picture`)."""
    rgb, (mask, box) = pages.drawn(picture.rgb), outline
    return Tile(title, caption or _pixels(mask), lambda axes: _draw_found(axes, picture, rgb, mask, box))


def _box_tile(title: str, picture: Picture, box: Box | None) -> Tile:
    """Return the picture of a box without a mask (pixels of `picture`)."""
    rgb = pages.drawn(picture.rgb)

    def draw(axes: Axes) -> None:
        _draw_pixels(axes, picture, rgb)
        if box:
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


def _draw_picture(axes: Axes, picture: Picture, rgb: Uint8, answer_box: Box | None) -> None:
    """Draw the picture, and dashed the box that the language model gave in its answer."""
    _draw_pixels(axes, picture, rgb)
    if answer_box:
        draw_box(axes, answer_box.xyxy, linestyle=(0, (4, 3)))


def _draw_found(axes: Axes, picture: Picture, rgb: Uint8, mask: Bool, box: Box | None) -> None:
    """Draw a mask (rows, cols) over all of the picture, and a box in its pixels, or say that there is nothing."""
    if mask.any():
        _draw_pixels(axes, picture, overlay(rgb, resize_mask(mask, _hw(rgb)), dim=DIM))
    else:
        _draw_pixels(axes, picture, np.broadcast_to(_grey(rgb) * 0.4, rgb.shape).astype(np.uint8))
        pages.say_nothing_found(axes, 12)
    if box:
        draw_box(axes, box.xyxy)
        if pages.is_tiny(box.xyxy, picture.hw):
            pages.draw_ring(axes, box.xyxy, picture.hw)


def _draw_region(axes: Axes, picture: Picture, rgb: Uint8, evolved: Evolved) -> None:
    """Draw the region's cells, with a dot in each that is a seed."""
    _draw_found(axes, picture, rgb, evolved.region, None)
    x, y = cell_centres_xy(_hw(evolved.seeds), picture.hw)[evolved.seeds].T
    axes.plot(x, y, "o", markersize=4.5, markerfacecolor=YELLOW, markeredgecolor="black", markeredgewidth=0.8)


def _draw_heat(axes: Axes, picture: Picture, rgb: Uint8, heat: Float32, cell: int | None = None) -> None:
    """Draw a (rows, cols) map over the greyed picture; ring one of its cells."""
    _draw_pixels(axes, picture, _heated(rgb, heat))
    if cell is not None:
        x, y = cell_centres_xy(_hw(heat), picture.hw).reshape(-1, 2)[cell]
        axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=1.8)


def _heated(rgb: Uint8, heat: Float32) -> Uint8:
    """Return the greyed picture (H, W, 3) with a (rows, cols) map over it, hotter more opaque."""
    values = resize_map(min_max(heat), _hw(rgb)).clip(0, 1)
    colours = HEAT(0.3 + 0.7 * values)[..., :3]  # its darkest third would hide the picture
    opacity = 0.85 * values[..., None] ** 0.7
    heated: Uint8 = (_grey(rgb) * (1 - opacity) + colours * 255 * opacity).astype(np.uint8)
    return heated


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
    return f"{int(mask.sum()):,} pixels, {mask.mean():.1%} of the picture"


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
