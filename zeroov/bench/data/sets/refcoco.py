"""RefCOCO, RefCOCO+, RefCOCOg (google, umd) and ReferIt, from REFER's files or from the lists of TransVG and SegVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.files import below, first_of, require
from zeroov.bench.data.forms.pickles import load_plain
from zeroov.bench.data.forms.refer import Corners, read_refer
from zeroov.errors import DatasetError

SOURCE = "REFER's files: README of lichengunc/refer on GitHub; the .pth lists: README of djiajunustc/TransVG"
PREFIXES = ("", "data", "refer/data", "other", "ln_data")
COCO = below(("", "other", "data", "refer/data", "ln_data/other"), "images/mscoco/images/train2014")
COCO_IMAGES = (*COCO, *below(("", "images", "mscoco", "coco", "images/mscoco", "data/coco"), "train2014"), "images")
REFERIT_IMAGES = (
    *below(PREFIXES, "referit/images", "images/saiapr_tc-12", "refclef/images"),
    *("saiapr_tc-12", "images"),
)


@dataclass(frozen=True)
class Member:
    """A member of the family: its folder and split name in REFER, its name among the lists, and what its boxes are."""

    refer: str
    split_by: tuple[str, ...]
    listed: str
    images: tuple[str, ...]
    listed_corners: Corners

    def read(self, root: Path, split: str) -> Draft:
        """Read a split from REFER's files, which have masks, or else from the list."""
        refs_files = tuple(f"{self.refer}/refs({by}).p" for by in self.split_by)
        refs = (*below(PREFIXES, *refs_files), *(file.rpartition("/")[2] for file in refs_files))
        instances = (*below(PREFIXES, f"{self.refer}/instances.json"), "instances.json")
        list_places = (*below(PREFIXES, f"{self.listed}"), *below(("split", "data/split"), self.listed))
        lists = (*below(list_places, f"{self.listed}_{split}.pth"), f"{self.listed}_{split}.pth")
        draft = Draft(root)
        images = first_of(root, self.images) or self.images[0]
        if first_of(root, refs) and first_of(root, instances):
            read_refer(draft, first_of(root, refs) or "", first_of(root, instances) or "", images, split, "xywh")
        else:
            wanted = {"REFER files or list": (*refs[:1], *instances[:1], *lists)}
            title = f"{self.refer} ({', '.join(self.split_by)})"
            read_list(draft, require(root, title, wanted, SOURCE)[0], images, self.listed_corners)
        return draft


def read_list(draft: Draft, file: str, images: str, corners: Corners) -> None:
    """Add one sample per entry of a list: (image, mask's file, box, phrase, attributes), or (image, box, phrase).

    Ids and lines count the entries from 1. Boxes are cut to whole numbers, those of COCO before width and height are
    added, as TransVG and SegVG do when they read their lists; the masks that they name are in no download.
    """
    entries = load_plain(draft.root / file)
    if not isinstance(entries, list):
        raise DatasetError(f"`{file}` is expected to hold a list of (image, mask, box, phrase, attributes)")
    for number, entry in enumerate(entries, start=1):
        place = Place(file, number)
        values = entry if isinstance(entry, list | tuple) else ()
        if len(values) not in (3, 5):
            draft.remark(place, f"an entry of 3 or 5 values is expected, got {str(entry)[:40]!r}", LEFT_OUT)
            continue
        image, box, phrase = values if len(values) == 3 else (values[0], values[2], values[3])
        path = draft.path(place, image, images)
        draft.add(place, str(number), path, phrase, draft.box(place, _whole_xyxy(box, corners)))


def _whole_xyxy(given: Any, corners: Corners) -> list[Any]:
    values = list(given) if isinstance(given, list | tuple) else [given]
    if len(values) != 4 or not all(isinstance(value, int | float) and abs(value) < 1e9 for value in values):
        return values
    x0, y0, x1, y1 = map(int, values)
    return [x0, y0, x0 + x1, y0 + y1] if corners == "xywh" else [x0, y0, x1, y1]


def _benchmark(name: str, title: str, member: Member, splits: Mapping[str, int | None]) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        splits=splits,
        layout=(
            f"{member.refer}/refs({member.split_by[0]}).p and {member.refer}/instances.json",
            f"or {member.listed}/{member.listed}_<split>.pth",
            f"{member.images[0]}/*.jpg",
        ),
        source=SOURCE,
        has_masks=True,
        reader=member.read,
    )


REFCOCO = _benchmark(
    "refcoco",
    "RefCOCO",
    Member("refcoco", ("unc",), "unc", COCO_IMAGES, "xywh"),
    {"train": 120624, "val": 10834, "testA": 5657, "testB": 5095},
)
REFCOCO_PLUS = _benchmark(
    "refcoco+",
    "RefCOCO+",
    Member("refcoco+", ("unc",), "unc+", COCO_IMAGES, "xywh"),
    {"train": 120191, "val": 10758, "testA": 5726, "testB": 4889},
)
REFCOCOG_GOOGLE = _benchmark(
    "refcocog-google",
    "RefCOCOg (google)",
    Member("refcocog", ("google",), "gref", COCO_IMAGES, "xywh"),
    {"train": 85474, "val": 9536},
)
REFCOCOG_UMD = _benchmark(
    "refcocog-umd",
    "RefCOCOg (umd)",
    Member("refcocog", ("umd",), "gref_umd", COCO_IMAGES, "xywh"),
    {"train": 80512, "val": 4896, "test": 9602},
)
REFERIT = _benchmark(
    "referit",
    "ReferIt",
    Member("refclef", ("berkeley", "unc"), "referit", REFERIT_IMAGES, "xyxy"),
    # Counts of the lists; REFER's files of ReferIt are divided differently.
    {"train": 54127, "val": 5842, "trainval": 59969, "test": 60103},
)
