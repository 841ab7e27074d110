"""Draw what every stage found, side by side, as one picture. matplotlib is imported in this folder and nowhere else."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from zeroov.files.atomic import write_atomically
from zeroov.look import Look, Outline
from zeroov.outputs.answer import Answer
from zeroov.raster.scene import Scene
from zeroov.show import page as pages
from zeroov.show.page import GAP, GREY, INCHES, MARGIN, Form, Page, form_of
from zeroov.show.scene import draw_scene_panel
from zeroov.show.tiles import Tile, box_tile, heated, outline_tile, picture_tile, tiles_of
from zeroov.show.words import FAMILY, fitted
from zeroov.types import Picture

ABOVE, BELOW = 0.34, 0.38  # inches around a picture
LETTERS = 12.5  # of a caption that fit into an inch


def draw_panel(answer: Answer, scene: Scene | None = None, *, form: Form = "png", costs: bool = True) -> bytes:
    """Return a picture of the image and of what each stage made of it; stages that did not run are left out.

    Without `costs` it says nothing of seconds and memory. Of a searched scene, which has to be open, it shows where the
    objects lie, the attention of the look at the whole scene, and each object from near.
    """
    if answer.searched and scene:
        glance = [heated(look.picture.rgb, look.attention) for look in answer.looks]
        return draw_scene_panel(answer, scene, glance, form)
    if not costs:
        answer = _without_costs(answer)
    outline = answer.outline
    tiles = [tile for look in answer.looks[:1] for tile in tiles_of(look, answer.closer)]
    if answer.closer or not any(look.evolved or look.refined for look in answer.looks):
        tiles.append(outline_tile("Answer", answer.shown, pages.drawn(answer.shown.rgb), outline))
    nothing = f"nothing found: {answer.why_empty}" if answer.why_empty else "nothing found"
    doubt = f" (doubtful: {answer.doubtful})" if answer.doubtful else ""
    found = f"score {answer.score:.2f}{doubt}" if answer.found else nothing
    box = f"box {[round(corner) for corner in answer.box.xyxy]}" if answer.box else ""
    recipe = f"recipe {answer.provenance['recipe']}" if "recipe" in answer.provenance else ""
    name, frame = PurePath(answer.source).name, "" if answer.words_in_pixels else ", not in pixels of the image"
    if answer.area:
        name = f"{name}, its part {list(answer.area)}"
    words = f"answer{frame}: {answer.words}" if answer.words.strip() else ""
    ring = (
        "a white ring shows where a small object is"
        if outline.box and pages.is_tiny(outline.box.xyxy, answer.shown.hw)
        else ""
    )
    about = found, box, ring, recipe, name, words
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
    return _drawn_panel(look.picture, look.question.expression, about, list(tiles_of(look, ())))


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
    tiles = list(tiles_of(look, ())) if look else [picture_tile(picture, rgb, None)]
    for title, outline in outlines.items():
        if outline.box and not outline.mask.any():  # a box alone was true, or was answered
            tiles.append(box_tile(title, picture, rgb, outline.box))
        else:
            tiles.append(outline_tile(title, picture, rgb, outline))
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
    summary = fitted(" · ".join(part for part in about if part), int((width - 2 * MARGIN) * 10.5), 2)
    header = MARGIN + 0.25 * (headline[0].count("\n") + 1) + 0.18 * summary[0].count("\n") + 0.36
    height = header + math.ceil(len(tiles) / columns) * cell_h + MARGIN / 2

    page = Page(width, height)
    page.text(MARGIN, height - MARGIN, headline, size=14, weight="bold", va="top", linespacing=1.15)
    page.text(MARGIN, height - header + 0.12, summary, size=10, color=GREY, va="bottom", linespacing=1.2)
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
