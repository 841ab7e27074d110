"""Read the files of REFER (`refs(...).p` and `instances.json`), which RRSIS-D and the RefCOCO family share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.forms.pickles import load_plain
from zeroov.bench.data.sample import MaskTruth
from zeroov.bench.data.text import read_json
from zeroov.errors import DatasetError, ZeroovError
from zeroov.outputs.rle import FARTHEST, covered_once, decode_rle, encode_rle

Corners = Literal["xyxy", "xywh"]


def read_refer(draft: Draft, refs_file: str, instances_file: str, images: str, split: str, corners: Corners) -> None:
    """Add one sample per sentence of a split, in the order of the refs file, which is the order of REFER's own loader.

    Ids are REFER's `sent_id`. The image is the one of that `image_id` in `instances.json`; a ref's own `file_name` is
    of the object in some of the data sets. A sentence's `raw` text is taken, as RMSIN and LAVT do, or else its `sent`.
    Remarks count the refs from 1 where other files have lines.
    """
    refs = _records(draft.root / refs_file, load_plain(draft.root / refs_file))
    instances = read_json(draft.root / instances_file)
    tables = {name: _table(draft.root / instances_file, instances, name) for name in ("images", "annotations")}
    categories = _table(draft.root / instances_file, instances, "categories")
    for number, ref in enumerate(refs, start=1):
        if not _belongs(str(ref.get("split", "")), split):
            continue
        place = Place(refs_file, number)
        image = tables["images"].get(_key(ref.get("image_id")))
        annotation = tables["annotations"].get(_key(ref.get("ann_id")))
        if image is None or annotation is None:
            missing = f"no image {ref.get('image_id')!r}" if image is None else f"no annotation {ref.get('ann_id')!r}"
            draft.remark(place, f"{missing} in {instances_file}", LEFT_OUT)
            continue
        hw = _hw(image)
        mask = _mask(draft, place, annotation.get("segmentation"), hw)
        values = _xyxy(annotation.get("bbox"), corners)
        box = draft.box(place, values, hw, "kept with its mask alone" if mask else LEFT_OUT)
        file = draft.path(place, image.get("file_name"), images)
        category_id = _key(ref.get("category_id", annotation.get("category_id")))
        category = str(categories.get(category_id, {}).get("name", ""))
        for name, text in _sentences(ref):
            draft.add(place, name, file, text, box, mask, category)


def _belongs(ref_split: str, split: str) -> bool:
    """Return whether a ref is of a split, by REFER's own rules: a ref of `testAB` is of testA and of testB."""
    if split in ("testA", "testB"):
        return ref_split.startswith("test") and split[-1] in ref_split
    if split == "test":
        return "test" in ref_split
    return ref_split in (("train", "val") if split == "trainval" else (split,))


def _sentences(ref: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the id and the text of every sentence of a ref."""
    sentences = ref.get("sentences")
    for position, sentence in enumerate(sentences if isinstance(sentences, list) and sentences else [{}]):
        of = sentence if isinstance(sentence, Mapping) else {}
        name = str(of.get("sent_id", f"{ref.get('ref_id')}_{position}"))
        raw = of.get("raw")
        yield name, raw if isinstance(raw, str) and raw.strip() else of.get("sent")


def _mask(draft: Draft, place: Place, given: Any, hw: tuple[int, int] | None) -> MaskTruth | None:
    """Return the truth of a `segmentation`: polygons, run lengths, or a list of either."""
    if not given:
        return None
    parts = given if isinstance(given, list) else [given]
    try:
        if all(isinstance(part, Mapping) for part in parts):
            if not all({"size", "counts"} <= part.keys() for part in parts):
                raise ValueError("run lengths without `size` or `counts`")
            if len(parts) == 1:
                return MaskTruth(rle=parts[0])
            return MaskTruth(rle=encode_rle(covered_once([decode_rle(part) for part in parts])))
        usable = tuple(tuple(map(float, part)) for part in parts if len(part) >= 6 and len(part) % 2 == 0)
        if not usable or hw is None or any(not abs(value) <= FARTHEST for part in usable for value in part):
            raise ValueError("no polygon of three points or more in an image of known size")
    except (ZeroovError, ValueError, TypeError, OverflowError) as error:
        draft.remark(place, f"an unusable mask ({error})", "kept with its box alone")
        return None
    if len(usable) < len(parts):
        draft.remark(place, "a polygon of fewer than three points", "the mask is drawn without it")
    return MaskTruth(polygons=usable, hw=hw)


def _xyxy(given: Any, corners: Corners) -> list[Any]:
    values = list(given) if isinstance(given, list | tuple) else [given]
    if corners == "xywh" and len(values) == 4 and all(isinstance(value, int | float) for value in values):
        x, y, width, height = values
        return [x, y, x + width, y + height]
    return values


def _hw(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _records(path: Path, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise DatasetError(f"`{path}` is expected to hold a list of dicts, REFER's refs; download it again")
    return value


def _table(path: Path, value: Any, name: str) -> dict[int | str | None, Mapping[str, Any]]:
    """Return one of the lists in `instances.json` by the ids of its items."""
    items = value.get(name) if isinstance(value, Mapping) else None
    if items is None:
        raise DatasetError(f"`{path}` is expected to hold a list named `{name}`; download it again")
    return {_key(item["id"]): item for item in _records(path, items) if "id" in item}


def _key(id: object) -> int | str | None:
    return id if isinstance(id, int | str) else None
