"""What a batch is given: folders, image files, addresses, and lists of them, a line or a row for each image."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroov.batch.images import images_in
from zeroov.errors import UsageError, did_you_mean
from zeroov.files.paths import expanded
from zeroov.outputs.extras import need
from zeroov.raster import web
from zeroov.shards import Shard
from zeroov.types import clean_expression

STANDARD_INPUT = "-"
LISTS = (".txt", ".lst")
STAC, SEARCHES = (".json", ".geojson"), ("/search", "/items")
COLUMNS = ("id", "image", "expressions", "version")
AT_ONCE = 10_000  # rows of a Parquet


@dataclass(frozen=True, slots=True)
class Row:
    """An image to ask: its path or address, what its owner calls it, and expressions of its own instead of the run's.

    `version` is the owner's word for what the image holds now (a date, a checksum): of an image on the web nothing else
    says that it was replaced.
    """

    image: str
    id: str = ""
    expressions: tuple[str, ...] = ()
    version: str = ""


def row_of(image: Row | str | os.PathLike[str]) -> Row:
    """Return an image as a row."""
    return image if isinstance(image, Row) else Row(os.fspath(image))


def rows_in(
    places: Sequence[str],
    out: Path | None = None,
    shard: Shard | None = None,
    *,
    by_hash: bool = False,
    asset: str | None = None,
) -> list[Row]:
    """Return the images of folders, files, addresses and lists, each once, with all its expressions.

    A list is a text of one path or address a line (`-` is standard input), a Parquet with the columns `image`, and
    `id`, `expressions` and `version` where it has them, or a STAC search's result, of whose items the `asset` is asked.
    Paths in it count from the working directory. Of a list only the rows of this `shard` are held. What lies in a
    folder `out` inside the folders is no image; none is an error.
    """
    found: dict[str, Row] = {}
    others: set[int] = set()  # images of other shards, by their hashes
    shard = shard or Shard()
    for row in _rows(places, out, asset):
        if (known := found.get(row.image)) is not None:
            united = tuple(dict.fromkeys([*known.expressions, *row.expressions]))
            found[row.image] = replace(known, expressions=united)
        elif shard.count == 1 or hash(row.image) not in others:
            if shard.count == 1 or shard.has(row.image if by_hash else len(found) + len(others)):
                found[row.image] = row
            else:
                others.add(hash(row.image))
    if not found and not others:
        raise UsageError(f"no images in {', '.join(f'`{place}`' for place in places)}; a list has one a line")
    return list(found.values())


def _rows(places: Sequence[str], out: Path | None, asset: str | None) -> Iterator[Row]:
    local = [Path(place) for place in places if _kind(place) == "local"]
    if local:
        yield from (Row(str(path)) for path in images_in(local, out))
    for place in places:
        kind = _kind(place)
        if kind == "text":
            yield from _text_rows(place)
        elif kind == "parquet":
            yield from _parquet_rows(place)
        elif kind == "stac":
            from zeroov.batch.stac import rows_of

            yield from rows_of(place, asset)
        elif kind == "address":
            yield Row(place)


def _kind(place: str) -> str:
    ending = Path(place.partition("?")[0]).suffix.lower()
    if place == STANDARD_INPUT or (ending in LISTS and not web.is_address(place)):
        return "text"
    if ending in STAC or (web.is_address(place) and place.partition("?")[0].endswith(SEARCHES)):
        return "stac"
    if web.is_address(place):
        return "address"
    return "parquet" if ending == ".parquet" else "local"


def _text_rows(place: str) -> Iterator[Row]:
    """Yield the images of a text; empty lines, and those that begin with #, are passed over."""
    try:
        if place == STANDARD_INPUT:
            yield from _lines(sys.stdin)
        else:
            with expanded(place).open(encoding="utf-8-sig", errors="surrogateescape") as file:
                yield from _lines(file)
    except OSError as error:
        raise UsageError(f"`{place}` cannot be read as a list of one image a line ({error.strerror})") from error


def _lines(lines: Iterable[str]) -> Iterator[Row]:
    return (Row(text) for line in lines if (text := line.strip()) and not text.startswith("#"))


def _parquet_rows(place: str) -> Iterator[Row]:
    pyarrow, parquet = need("pyarrow", "a list in Parquet"), need("pyarrow.parquet", "a list in Parquet")
    try:
        with parquet.ParquetFile(expanded(place)) as file:
            names = file.schema_arrow.names
            if "image" not in names:
                raise UsageError(
                    f"`{place}` has no column `image`{did_you_mean('image', names)}; its columns are "
                    "image, and id, expressions (texts) and version where they are wanted"
                )
            columns = [name for name in COLUMNS if name in names]
            for batch in file.iter_batches(AT_ONCE, columns=columns):
                for number, values in enumerate(batch.to_pylist()):
                    yield _row_of(values, place, number)
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"`{place}` cannot be read as a Parquet of images ({error})") from error


def _row_of(values: dict[str, Any], place: str, number: int) -> Row:
    image, texts = values["image"], values.get("expressions") or ()
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(image, str) or not image or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"row {number} of `{place}` is no image with texts: {str(values)[:200]}")
    asked = tuple(dict.fromkeys(map(clean_expression, texts)))
    about = ("" if values.get(name) is None else str(values[name]) for name in ("id", "version"))
    name, version = itertools.islice(about, 2)
    return Row(image, name, asked, version)
