"""VRSBench, the referring task: expressions with boxes on 512 x 512 pictures (lx709/VRSBench)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.files import below, first_of, names_in, require
from zeroov.bench.data.text import read_json
from zeroov.errors import DatasetError
from zeroov.types import Box

SOURCE = "the data set xiang709/VRSBench on Hugging Face"
PREFIXES = ("", "VRSBench", "vrsbench", "data/VRSBench")
EVALUATION = below(PREFIXES, "VRSBench_EVAL_referring.json", "annotations/VRSBench_EVAL_referring.json")
SIDE = 512  # pixels, of every picture as it was published
GRID = 100  # steps of a side in `ground_truth`


def read(root: Path, split: str) -> Draft:
    """Read a split: val from the evaluation file or else from the files per image, train from those alone.

    Ids are the evaluation file's `question_id`, which runs over the objects of all files in the order of their names;
    so it does where those are read. The box is the upright one around `obj_corner`, in pixels and clipped as the
    authors clip it; their own `ground_truth` is that box on a grid of 0 to 100, rounded down.
    """
    folders = below(PREFIXES, f"Annotations_{split}")
    wanted = {"annotations": (*(EVALUATION if split == "val" else ()), *folders)}
    [found] = require(root, "VRSBench", wanted, SOURCE)
    images = below(PREFIXES, f"Images_{split}", f"Images/Images_{split}", "Images", "images")
    folder = first_of(root, images) or images[0]
    hw = _picture_hw(root / folder)
    draft = Draft(root)
    for number, (place, record) in enumerate(_records(draft, found)):
        unique = record.get("unique", record.get("is_unique"))
        draft.add(
            place,
            str(record.get("question_id", number)),
            draft.path(place, record.get("image_id"), folder),
            record.get("question"),
            _box(draft, place, record, hw),
            category=str(record.get("obj_cls", "")).lower(),
            kind={True: "unique", False: "non-unique"}.get(unique, "") if isinstance(unique, bool) else "",
        )
    return draft


def _records(draft: Draft, found: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield the records of the evaluation file, or of the files per image under the same keys."""
    if found.endswith(".json"):
        records = read_json(draft.root / found)
        if not isinstance(records, list):
            raise DatasetError(f"`{found}` is expected to hold a list of references; download it again")
        for number, record in enumerate(records, start=1):
            if not isinstance(record, Mapping):
                draft.remark(Place(found, number), f"a reference is expected, got {str(record)[:40]!r}", LEFT_OUT)
            elif record.get("type", "ref") == "ref":
                yield Place(found, number), record
        return
    for name in sorted(names_in(draft.root / found) or ()):
        if not name.endswith(".json"):
            continue
        place = Place(f"{found}/{name}")
        try:
            content = read_json(draft.root / place.file)
            objects = content["objects"]
            image = content.get("image", f"{name[:-5]}.png")
        except (DatasetError, LookupError, TypeError, AttributeError) as error:
            draft.remark(place, f"no annotation of an image ({error})", f"{LEFT_OUT}; later ids count on without it")
            continue
        if Path(str(image)).stem != name[:-5]:
            draft.remark(place, f"it names the image {image!r}", "that name is taken, as the authors' script does")
        for position, item in enumerate(objects if isinstance(objects, list) else [], start=1):
            of = item if isinstance(item, Mapping) else {}
            yield Place(place.file, position), {**of, "image_id": image, "question": of.get("referring_sentence")}


def _box(draft: Draft, place: Place, record: Mapping[str, Any], hw: tuple[int, int]) -> Box | None:
    """Return the upright box around the four corners; the grid's box where there are no corners."""
    height, width = hw
    corners = record.get("obj_corner")
    grid = [int(digits) for digits in re.findall(r"-?\d+", str(record.get("ground_truth", "")))]
    if isinstance(corners, list) and len(corners) == 8 and all(_is_fraction(value) for value in corners):
        # An object cut by the border reaches past it in nearly every picture, so the clipping is no remark.
        xs, ys = ([min(max(float(value), 0.0), 1.0) for value in corners[axis::2]] for axis in (0, 1))
        fractions = min(xs), min(ys), max(xs), max(ys)
        if len(grid) == 4 and any(abs(int(GRID * f) - g) > 1 for f, g in zip(fractions, grid, strict=True)):
            what = f"ground_truth {grid} is not the box around obj_corner"
            draft.remark(place, what, "the box around obj_corner is taken")
    elif len(grid) == 4:
        fractions = grid[0] / GRID, grid[1] / GRID, grid[2] / GRID, grid[3] / GRID
        draft.remark(place, "no obj_corner", "the box of ground_truth is taken, which is rounded to 1/100 of a side")
    else:
        draft.remark(place, f"neither obj_corner nor a box in ground_truth {record.get('ground_truth')!r}", LEFT_OUT)
        return None
    x0, y0, x1, y1 = fractions
    return draft.box(place, (x0 * width, y0 * height, x1 * width, y1 * height))


def _is_fraction(value: object) -> bool:
    """Return whether a value is a number; objects cut by the border reach a little past 0 and 1."""
    return isinstance(value, int | float) and abs(value) < 100


def _picture_hw(folder: Path) -> tuple[int, int]:
    """Return the size of the pictures: all have the same, so the first that opens has it, even in a resized copy."""
    from PIL import Image

    for name in sorted(names_in(folder) or ())[:20]:
        try:
            with Image.open(folder / name) as image:
                return image.height, image.width
        except (OSError, SyntaxError, ValueError):
            continue
    return SIDE, SIDE


VRSBENCH = Benchmark(
    name="vrsbench",
    title="VRSBench, referring",
    splits={"train": 36313, "val": 16159},
    layout=(
        "VRSBench_EVAL_referring.json or Annotations_val/<image>.json, and Annotations_train/<image>.json",
        "Images_{train,val}/<image>.png",
    ),
    source=SOURCE,
    has_masks=False,
    reader=read,
    same_split={"test": "val"},
)
