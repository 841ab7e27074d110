"""The order in which samples are asked: those of a picture together, and pictures of one size in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zeroov.bench.data.sample import Sample
from zeroov.frames import HW
from zeroov.shards import Shard

CALLS = 16  # calls of a model among whose samples pictures of one size are put together
TOGETHER = 16  # samples of one picture that are asked together at most, where a call takes fewer


def chunks(samples: Sequence[Sample], batch: int) -> list[list[Sample]]:
    """Cut a split into parts that may be ordered anew inside, for `batch` samples a call: whole pictures.

    One sample a call has no others to be alike: a part is one picture.
    """
    most = 1 if batch == 1 else CALLS * batch
    found: list[list[Sample]] = []
    for picture in of_one_picture(samples):
        if not found or len(found[-1]) + len(picture) > most:
            found.append([])
        found[-1] += picture
    return found


def by_size(chunk: Sequence[Sample], batch: int, hw_of: Callable[[Sample], HW]) -> list[Sample]:
    """Return a chunk's samples with pictures of one size one after another, so that a call holds little padding."""
    pictures = of_one_picture(chunk)
    if batch > 1:
        pictures.sort(key=lambda picture: _size(hw_of(picture[0])))
    return [sample for picture in pictures for sample in picture]


def first_group(samples: Sequence[Sample], batch: int, together: int, *, shared: bool = False) -> list[Sample]:
    """Return the first samples that are asked at once: about `batch` of them, or pictures where they `share` a call.

    The samples of a picture are not divided, unless there are more than `together`.
    """
    group: list[Sample] = []
    taken = 0
    for picture in of_one_picture(samples):
        part = picture[: max(batch, together)]
        taken += 1 if shared else len(part)
        if group and taken > batch:
            break
        group += part
        if len(part) < len(picture):
            break
    return group


def of_one_picture(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return the samples of each picture, in the order in which the pictures appear first."""
    by_image: dict[str, list[Sample]] = {}
    for sample in samples:
        by_image.setdefault(sample.image, []).append(sample)
    return list(by_image.values())


def of_shard(samples: Sequence[Sample], shard: Shard) -> list[Sample]:
    """Return a shard's samples, those of one image together: images are dealt in turn, as they first appear."""
    return [sample for picture in shard.take(of_one_picture(samples)) for sample in picture]


def _size(hw: HW) -> tuple[int, HW]:
    """Return what orders pictures by size: their pixels, and among as many their shape."""
    return hw[0] * hw[1], hw
