"""Labels of annotators' tools: COCO, Label Studio's export, and labelme's files (X-AnyLabeling's too)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from zeroov.bench.data.draft import LEFT_OUT, Place
from zeroov.bench.data.files import read_bytes
from zeroov.bench.data.sample import MaskTruth, Remark
from zeroov.errors import DatasetError
from zeroov.language.phrase import parse
from zeroov.language.words import ARTICLES

LOCAL_FILES = "?d="  # before a file's name in Label Studio
KINDS = "COCO, Label Studio's JSON export, or labelme's"


@dataclass(frozen=True)
class Label:
    """An object that somebody labelled in an image of `hw`: its class, its expression ("" unknown), corners and mask.

    `image` is called as the file calls it; `corners_xyxy` are in its pixels.
    """

    place: Place
    image: str
    hw: tuple[int, int]
    category: str
    expression: str
    corners_xyxy: tuple[float, ...]
    mask: MaskTruth


@dataclass(frozen=True)
class Labels:
    """What a file, or a folder of labelme's files, holds: the images that were labelled, their objects, what is odd.

    `classes` are those that the file lists, also without an object.
    """

    images: tuple[str, ...]
    objects: tuple[Label, ...]
    remarks: tuple[Remark, ...]
    classes: tuple[str, ...] = ()


def read_labels(path: Path) -> Labels:
    """Read a JSON file, whichever tool wrote it, or all of a folder of labelme's files."""
    if path.is_dir():
        parts = [_read_file(file, file.relative_to(path)) for file in sorted(path.rglob("*.json"))]
        if not parts:
            raise DatasetError(f"`{path}` holds no .json file; name {KINDS} file, or a folder of labelme's")
    else:
        parts = [_read_file(path, Path(path.name))]
    images = dict.fromkeys(image for part in parts for image in part.images)
    objects = [each for part in parts for each in part.objects]
    classes = dict.fromkeys([*(name for part in parts for name in part.classes), *(each.category for each in objects)])
    remarks = tuple(remark for part in parts for remark in part.remarks)
    return Labels(tuple(images), tuple(_with_corrected(objects, tuple(classes))), remarks, tuple(classes))


def _with_corrected(objects: Sequence[Label], classes: Sequence[str]) -> Iterator[Label]:
    """Yield the objects; one whose class was corrected is asked for by its new class, "the storage tank".

    Tools keep the expression while the class changes. The class was corrected where the expression is, or means,
    another one of `classes`: "the building" in a file that has "building" and "storage tank". Other words stay.
    """
    nouns = {name: parse(name).category for name in classes}
    for each in objects:
        said, category = each.expression, each.category
        noun = parse(said).category
        means_other = noun != nouns[category] and noun in nouns.values()
        if said and category and said != category and (said in nouns or means_other):
            has_article = category.lower().partition(" ")[0] in ARTICLES
            yield replace(each, expression=category if has_article else f"the {category}")
        else:
            yield each


def _read_file(path: Path, shown: Path) -> Labels:
    name = shown.as_posix()
    try:
        document = json.loads(read_bytes(path))
        if isinstance(document, dict) and "annotations" in document:
            return _coco(name, document)
        if isinstance(document, dict) and "shapes" in document:
            return _labelme(name, document, shown.parent)
        if isinstance(document, list):
            return _label_studio(name, document)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise DatasetError(
            f"`{path}` is no whole file of labels ({type(error).__name__}: {error}); export it again, as {KINDS}"
        ) from error
    raise DatasetError(f"`{path}` holds no labels; {KINDS} is expected")


def _coco(name: str, document: Mapping[str, Any]) -> Labels:
    images = {image["id"]: image for image in document["images"]}
    names = {each["id"]: str(each["name"]) for each in document["categories"]}
    objects, remarks = [], []
    for number, each in enumerate(document["annotations"], start=1):
        image = images[each["image_id"]]
        hw = (int(image["height"]), int(image["width"]))
        x, y, width, height = map(float, each["bbox"])
        corners, drawn = (x, y, x + width, y + height), each.get("segmentation")
        if isinstance(drawn, Mapping):
            mask = MaskTruth(rle=drawn, hw=hw)
        elif drawn:
            mask = MaskTruth(polygons=tuple(tuple(map(float, part)) for part in drawn), hw=hw)
        else:
            mask = _box_mask(corners, hw)
        if not width or not height:
            remarks.append(Remark(name, None, f"annotation {number} has no area", LEFT_OUT))
            continue
        about = each.get("attributes") or {}
        expression = str(about.get("expression") or "")
        category, file = names[each["category_id"]], str(image["file_name"])
        objects.append(Label(Place(name), file, hw, category, expression, corners, mask))
    files = tuple(str(image["file_name"]) for image in images.values())
    return Labels(files, tuple(objects), tuple(remarks), tuple(names.values()))


def _label_studio(name: str, tasks: Sequence[Mapping[str, Any]]) -> Labels:
    """Read what was annotated; where nothing was, the predictions. A task without annotations was not corrected."""
    annotated = any(task.get("annotations") for task in tasks)
    images, objects, remarks = [], [], []
    for task in tasks:
        given = [each for each in task.get("annotations") or () if not each.get("was_cancelled")]
        chosen = given[-1:] if annotated else (task.get("predictions") or ())[:1]
        if not chosen:
            continue
        address = str(task["data"].get("image") or task["data"]["img"])
        image = unquote(address.partition(LOCAL_FILES)[2] or PurePosixPath(address).name)
        images.append(image)
        for region in chosen[0]["result"]:
            kind, value = str(region["type"]), region["value"]
            labels = value.get(kind)
            if kind not in ("polygonlabels", "rectanglelabels") or not labels:
                remarks.append(Remark(name, None, f"a region of type {kind} of `{image}`", LEFT_OUT))
                continue
            hw = (int(region["original_height"]), int(region["original_width"]))
            if kind == "rectanglelabels":
                if value.get("rotation"):
                    remarks.append(Remark(name, None, f"a turned rectangle of `{image}`", "read as if it were not"))
                x, y, width, height = (float(value[side]) for side in ("x", "y", "width", "height"))
                points = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
            else:
                points = [(float(x), float(y)) for x, y in value["points"]]
            pixels = [(x * hw[1] / 100, y * hw[0] / 100) for x, y in points]
            text = " ".join(map(str, (region.get("meta") or {}).get("text") or ()))
            objects.append(_polygon(name, image, hw, str(labels[0]), text, pixels))
    return Labels(tuple(images), tuple(objects), tuple(remarks))


def _labelme(name: str, document: Mapping[str, Any], folder: Path) -> Labels:
    image = (PurePosixPath(folder.as_posix()) / str(document["imagePath"]).replace("\\", "/")).as_posix()
    hw = (int(document["imageHeight"]), int(document["imageWidth"]))
    objects, remarks = [], []
    for shape in document["shapes"]:
        kind, points = shape.get("shape_type", "polygon"), [(float(x), float(y)) for x, y in shape["points"]]
        if kind == "rectangle" and len(points) == 2:  # X-AnyLabeling writes all four corners
            (x0, y0), (x1, y1) = points
            points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        elif kind not in ("polygon", "rectangle", "rotation") or len(points) < 3:
            remarks.append(Remark(name, None, f"a shape of type {kind}", LEFT_OUT))
            continue
        text = str(shape.get("description") or "")
        objects.append(_polygon(name, image, hw, str(shape["label"]), text, points))
    return Labels((image,), tuple(objects), tuple(remarks))


def _polygon(
    name: str, image: str, hw: tuple[int, int], category: str, expression: str, points: Sequence[tuple[float, float]]
) -> Label:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    mask = MaskTruth(polygons=(tuple(side for point in points for side in point),), hw=hw)
    return Label(Place(name), image, hw, category, expression, (min(xs), min(ys), max(xs), max(ys)), mask)


def _box_mask(corners: tuple[float, float, float, float], hw: tuple[int, int]) -> MaskTruth:
    x0, y0, x1, y1 = corners
    return MaskTruth(polygons=((x0, y0, x1, y0, x1, y1, x0, y1),), hw=hw)


def one_each(objects: Sequence[Label]) -> Iterator[tuple[Label, bool]]:
    """Yield each object, and whether it is the only one of its image that its expression, or class, can mean."""
    asked = [(each.image, each.expression or each.category) for each in objects]
    counts = Counter(asked)
    for each, key in zip(objects, asked, strict=True):
        yield each, counts[key] == 1
