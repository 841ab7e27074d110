"""How good first labels were, once they are corrected: what was kept, redrawn, deleted and added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zeroov.bench.data.forms.labels import Label, Labels, read_labels
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import mask_overlap
from zeroov.errors import DatasetError
from zeroov.types import Bool

SAME = 0.5  # of two masks, intersection over union: from there on one is the other, corrected
ALL = "all"
ByClass = Mapping[tuple[str, str], Sequence[Label]]  # by image and class


@dataclass(frozen=True)
class Counts:
    """Objects of a class: `proposed` first, `right` (of the class, and somebody kept them), `true` after correcting.

    `ious` are the intersections over unions of the right ones with what they were corrected to.
    """

    name: str
    proposed: int
    true: int
    ious: tuple[float, ...]

    @property
    def right(self) -> int:
        """How many first labels are an object of the corrected ones."""
        return len(self.ious)

    def to_json(self) -> dict[str, Any]:
        """Return the figures; one that nothing was counted for is `None`."""
        mean = float(np.mean(self.ious)) if self.ious else None
        return {
            "class": self.name,
            "proposed": self.proposed,
            "right": self.right,
            "deleted": self.proposed - self.right,
            "added": self.true - self.right,
            "precision": self.right / self.proposed if self.proposed else None,
            "recall": self.right / self.true if self.true else None,
            "mean_iou": mean,
        }


@dataclass(frozen=True)
class Comparison:
    """First labels beside corrected ones: a row for each class and one for all, and the images in only one of them."""

    rows: tuple[Counts, ...]
    images: int
    only_first: tuple[str, ...]
    only_corrected: tuple[str, ...]


def compare_labels(first: Path, corrected: Path) -> Comparison:
    """Compare two files of labels, object by object, in the images that both hold.

    An object is right where the corrected labels have one of its class that it overlaps by half (intersection over
    union of the masks); each object counts once, the best overlaps first.
    """
    before, after = read_labels(first), read_labels(corrected)
    names = _names(before, after)
    images = {names[image] for image in before.images} & {names[image] for image in after.images}
    if not images:
        raise DatasetError(
            f"`{first}` and `{corrected}` have no image in common (`{_example(before)}`, `{_example(after)}`); "
            "name files of the same images"
        )
    proposed, true = _by_class(before, names, images), _by_class(after, names, images)
    ious: dict[str, list[float]] = defaultdict(list)
    for key in proposed.keys() & true.keys():
        ious[key[1]] += _matched(proposed[key], true[key])
    classes = sorted({name for _, name in {*proposed, *true}})
    rows = [Counts(name, _count(proposed, name), _count(true, name), tuple(ious[name])) for name in classes]
    whole = Counts(
        ALL,
        sum(row.proposed for row in rows),
        sum(row.true for row in rows),
        tuple(value for row in rows for value in row.ious),
    )
    only_first = tuple(image for image in before.images if names[image] not in images)
    only_corrected = tuple(image for image in after.images if names[image] not in images)
    return Comparison((*rows, whole), len(images), only_first, only_corrected)


def _count(objects: ByClass, name: str) -> int:
    return sum(len(each) for (_, category), each in objects.items() if category == name)


def _names(*sides: Labels) -> dict[str, str]:
    """Return what identifies each image: the file's name alone where no side has two of one, else the whole path."""
    alone = {image: PurePosixPath(image).name for side in sides for image in side.images}
    unique = all(len({alone[image] for image in side.images}) == len(side.images) for side in sides)
    return alone if unique else {image: image for image in alone}


def _by_class(labels: Labels, names: Mapping[str, str], images: set[str]) -> ByClass:
    found: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for each in labels.objects:
        if names[each.image] in images:
            found[names[each.image], each.category].append(each)
    return found


def _matched(first: Sequence[Label], corrected: Sequence[Label]) -> list[float]:
    """Return the overlaps of the objects of one class in one image that are each other's, the best first."""
    masks = [_mask(each) for each in first], [_mask(each) for each in corrected]
    if masks[0][0].shape != masks[1][0].shape:
        raise DatasetError(
            f"`{first[0].image}` has {masks[0][0].shape[::-1]} pixels in one file and {masks[1][0].shape[::-1]} in the "
            "other; name labels of the same images"
        )
    overlaps = np.array([[_iou(one, other) for other in masks[1]] for one in masks[0]])
    kept = []
    while overlaps.size and overlaps.max() >= SAME:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        kept.append(float(overlaps[row, column]))
        overlaps[row, :] = overlaps[:, column] = -1
    return kept


def _mask(label: Label) -> Bool:
    return read_mask(label.mask, Path(), label.hw)


def _iou(one: Bool, other: Bool) -> float:
    intersection, union = mask_overlap(one, other)
    return intersection / union if union else 0.0


def _example(labels: Labels) -> str:
    return labels.images[0] if labels.images else "none"
