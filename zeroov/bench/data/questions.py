"""Write what another system has to answer: a line of JSON for each sample of a split, without its truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zeroov.bench.data.sample import Split
from zeroov.errors import ZeroovError
from zeroov.files.atomic import write_atomically
from zeroov.raster.scene import open_source


def write_questions(split: Split, path: Path, report: Callable[[int, int], None] = lambda *_: None) -> list[str]:
    """Write the questions of a split; return what is wrong with the images that cannot be opened.

    A line has the sample's id, its image (a path below the data set's root), the expression, the image's width and
    height in pixels (null where it cannot be opened), and the split.
    """
    sizes: dict[str, tuple[int | None, int | None]] = {}
    problems: list[str] = []
    lines = []
    for number, sample in enumerate(split.samples):
        report(number, len(split.samples))
        if sample.image not in sizes:
            try:
                with open_source(split.root / sample.image) as scene:
                    sizes[sample.image] = scene.hw
            except ZeroovError as error:
                sizes[sample.image] = None, None
                problems.append(str(error))
        height, width = sizes[sample.image]
        line: dict[str, Any] = {"id": sample.id, "image": sample.image, "expression": sample.expression}
        line |= {"width": width, "height": height, "split": split.name}
        lines.append(json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
    report(len(split.samples), len(split.samples))
    write_atomically(path, b"".join(lines))
    return problems
