"""Read the XML files and index lists that DIOR-RSVG and OPT-RSVG share.

A split file lists objects by their running number over all XML files in the order of their names, counted from 0. A
single XML file that is missing therefore makes every later number mean another object, so that the two are checked
against each other, and nothing is read where they disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.files import below, first_of, names_in, read_bytes, require
from zeroov.bench.data.text import is_utf8, read_lines
from zeroov.errors import DatasetError, count_of

SPLITS = ("train", "val", "test")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Layout:
    """A data set of this kind: title, where to get it, folders that it comes in, and how many objects it has in all."""

    title: str
    source: str
    prefixes: tuple[str, ...]
    objects: int

    def split_files(self, split: str) -> tuple[str, ...]:
        """Return where the list of a split may be."""
        return below(self.prefixes, f"{split}.txt", f"split/{split}.txt")


def read_voc(root: Path, split: str, layout: Layout) -> Draft:
    """Read a split: one sample per number of its list, in the list's order; ids are those numbers."""
    annotations, listed = require(
        root,
        layout.title,
        {"XML folder": below(layout.prefixes, "Annotations"), f"list of {split}": layout.split_files(split)},
        layout.source,
    )
    base = annotations.rpartition("/")[0]
    images = below((base,), "JPEGImages", "Image/Image", "Images", "images")
    folder = first_of(root, images) or images[0]
    draft = Draft(root)
    objects = read_objects(draft, annotations)
    numbers = _numbers(draft, listed)
    _check_complete(draft, layout, split, listed, numbers, len(objects))
    for _, number in numbers:
        found = objects[number]
        place = Place(found.file, found.line)
        name = found.object.findtext("name", "").strip()
        corners = [(found.object.findtext(f"bndbox/{corner}") or "").strip() for corner in CORNERS]
        box = draft.box(place, corners, found.hw)
        image = draft.path(place, found.image, folder)
        draft.add(place, str(number), image, found.object.findtext("description"), box, category=name)
    return draft


@dataclass(frozen=True)
class Found:
    """An object of an XML file: its file and line, its image's name and size, and the element itself."""

    file: str
    line: int
    image: str
    hw: tuple[int, int] | None
    object: Element


def read_objects(draft: Draft, folder: str) -> list[Found]:
    """Return the objects of all XML files of a folder, by file name and then in the file's order."""
    objects = []
    for name in sorted(names_in(draft.root / folder) or ()):
        if not name.lower().endswith(".xml"):
            continue
        file = f"{folder}/{name}"
        data = read_bytes(draft.root / file)
        try:
            tree, lines = parse_xml(file, data)
        except DatasetError:
            if is_utf8(data):
                raise
            tree, lines = parse_xml(file, data, "iso-8859-1")
            draft.remark(Place(file), "not of the encoding that it declares", "read as Latin-1")
        image = (tree.findtext("filename") or "").strip() or f"{name[:-4]}.jpg"
        sides = [(tree.findtext(f"size/{side}") or "").strip() for side in ("height", "width")]
        height, width = (int(side) if re.fullmatch(r"[1-9]\d{0,5}", side) else 0 for side in sides)
        hw = (height, width) if height and width else None
        objects += [
            Found(file, line, image, hw, found) for found, line in zip(tree.findall("object"), lines, strict=True)
        ]
    return objects


def parse_xml(file: str, data: bytes, encoding: str | None = None) -> tuple[Element, list[int]]:
    """Return the root of an XML file and the line of each of its objects; refuse a DOCTYPE, which none of them needs.

    Entities, and with them files read from elsewhere and texts that grow without end, can only be declared in one.
    """
    parser, builder, lines, depth = expat.ParserCreate(encoding), TreeBuilder(), list[int](), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 2 and tag == "object":
            lines.append(parser.CurrentLineNumber)
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise DatasetError(f"`{file}` declares a DOCTYPE, which no annotation needs; refused: download it again")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close(), lines
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DatasetError(
            f"`{file}` is no XML, or truncated ({error}); download it again: objects are numbered over all files, so "
            "that without it every later number would mean another object"
        ) from error


def _numbers(draft: Draft, file: str) -> list[tuple[int, int]]:
    """Return the lines and numbers of a list of objects."""
    numbers = []
    for line, text in enumerate(read_lines(draft, file), start=1):
        word = text.strip()  # of more than `int` strips: a file separator, for one
        if re.fullmatch(r"\d{1,9}", word):
            numbers.append((line, int(word)))
        elif word:
            draft.remark(Place(file, line), f"a number of an object is expected, got {word[:40]!r}", LEFT_OUT)
    return numbers


def _check_complete(
    draft: Draft, layout: Layout, split: str, listed: str, numbers: list[tuple[int, int]], objects: int
) -> None:
    """Refuse XML files and lists that do not belong together: the lists share out the numbers 0 to the last."""
    last = max((number for _, number in numbers), default=-1)
    others = {name: first_of(draft.root, layout.split_files(name)) for name in SPLITS if name != split}
    scratch = Draft(draft.root)
    for file in others.values():
        if file:
            last = max(last, *(number for _, number in _numbers(scratch, file)), -1)
    absent = [name for name, file in others.items() if not file]
    held = count_of(objects, "object")
    if last >= objects or (not absent and last + 1 != objects):
        raise DatasetError(
            f"the XML files hold {held} and the lists count {last + 1}; objects are numbered over all "
            "files, so that numbers would mean other objects than the authors': bring every XML file here, or the "
            f"lists that belong to these. Get them: {layout.source}"
        )
    if absent and objects != layout.objects:
        what = f"{held}, {layout.objects} published, and no list of {' and '.join(absent)} to check against"
        draft.remark(Place(listed), what, "read as it is; an XML file less would shift every later number")
