"""Decide what is shown of a journal's answers, and write it in the asked formats; no model is asked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.classes import merged, under_two_classes
from zeroov.batch.images import Asked
from zeroov.batch.items import Answers, Decided, info_of
from zeroov.batch.pictures import PICTURES, Pictures, Shown, open_pictures
from zeroov.errors import Failed, OutputError, attempt, count_of, first_few
from zeroov.files.atomic import require_writable_folder
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.decide import Deciding
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.stale import Tidied, update_list
from zeroov.outputs.write import FORMATS, OfImages, Writers, open_writers, require_format
from zeroov.shards import WHOLE, Shard

log = logging.getLogger("zeroov")
Output = Writers | Pictures
BY_SHARD = {"geoparquet": "objects.parquet"}
TOGETHER, MOST_PIXELS = 256, 2**22  # images that are written together, and pixels of their masks
COUNTED = ("found", "merged", "doubtful", "empty", "denied", "below")


@dataclass(frozen=True)
class Outcome:
    """How a batch went: images in all, done now, failed with their reasons, and what each format wrote.

    An image some of whose tiles failed is among the failed, and what was found in its others is in the files; so is one
    that a format refuses, and the other formats have it. `unwritten` are formats that could not be written, with their
    reasons. `changed` are images whose content is not what it was when they were answered; they were asked again.
    `unanswered` counts images with an expression that was not asked yet. `earlier` are formats that were not written
    now, and hold what was decided earlier, or not all images. `answers` counts what was `found` and what is
    `empty`; of the found, what is `merged` (the same object as that of another expression of its class) and what is
    `doubtful`, because the model says that it is not there; of the empty, what the model `denied`, and what scores
    `below` the least score. `twice` holds the pairs of objects that are one object under two classes: their image,
    their `classes` and `scores`, the better one first, and the intersection over union of their masks, `iou`.
    """

    images: int
    done_now: int
    changed: tuple[str, ...]
    unanswered: int
    answers: Mapping[str, int]
    failed: Mapping[str, str]
    unwritten: Mapping[str, str]
    written: Mapping[str, tuple[Path, ...]]
    earlier: tuple[str, ...]
    twice: tuple[Mapping[str, Any], ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written, each once."""
        return tuple(dict.fromkeys(path for paths in self.written.values() for path in paths))


def one_by_one(
    out: Path,
    formats: Sequence[str],
    expressions: Sequence[str],
    images: Sequence[str | Path],
    shard: Shard = WHOLE,
    **options: Any,
) -> dict[str, Output]:
    """Open the writers of each format into the folder `out`, apart: what one of them refuses costs no other.

    A shard writes those formats alone that many files are as good in as one, `BY_SHARD`; a merge writes the others.
    """
    for name in formats:
        require_format(name, [*FORMATS, *PICTURES])
    require_writable_folder(out)
    asked: dict[str, Any] = {"expressions": expressions, "images": images, **options}
    if shard.count > 1:
        places = {name: f"{Path(place).stem}{shard.suffix}{Path(place).suffix}" for name, place in BY_SHARD.items()}
        return {name: open_writers(out / places[name], [name], **asked) for name in formats if name in BY_SHARD}
    return {
        name: open_pictures(out, name, images) if name in PICTURES else open_writers(out, [name], **asked)
        for name in formats
    }


def warn_of_refusals(info: SceneInfo, writers: Mapping[str, Output]) -> None:
    """Warn before the work of formats that cannot hold an image; the work is done for the others, and kept."""
    for name, writer in writers.items():
        try:
            writer.check(info)
        except OutputError as error:
            log.warning("%s: will not be in %s: %s", info.source, name, error)


@dataclass(frozen=True)
class Asking:
    """What a batch is asked, and what decides which answers are shown; `expressions` are those of all images."""

    images: Sequence[Asked]
    expressions: Sequence[str]
    classes: Mapping[str, str]
    by: Deciding

    def named(self, expression: str) -> str:
        """Return the class of an expression."""
        return self.classes.get(expression, expression)

    def decided(self) -> dict[str, Any]:
        """Return what decides which answers are shown, and what they are called, as plain values."""
        classes = [[text, self.named(text)] for text in self.expressions]
        return {"min_score": self.by.min_score, "said_absent": self.by.said_absent, "classes": classes}


class Writing:
    """Writes every format of what is answered, image by image, and counts what there is."""

    def __init__(
        self, writers: Mapping[str, Output], classes: Mapping[str, str], by: Deciding, provenance: Provenance
    ) -> None:
        self._writers, self._classes, self._by, self._provenance = writers, classes, by, provenance
        self._failed: dict[str, list[str]] = {}
        self._counts = dict.fromkeys(COUNTED, 0)
        self._images = self._unanswered = 0
        self._twice: list[Mapping[str, Any]] = []
        self._waiting: list[Shown] = []
        self._pixels = 0  # of the masks that wait

    def add(self, asked: Asked, answers: Answers) -> bool:
        """Write an image's answers into every format; return whether there are any: not where all of them failed."""
        self._images += 1
        items = [item for text in asked.expressions if (item := answers.get(asked, text))]
        self._unanswered += len(items) < len(asked.expressions)
        if reasons := [item["error"] for item in items if item["error"]]:
            self._failed[asked.name] = list(dict.fromkeys(reasons))
        whole = [item for item in items if "found" in item]
        if not whole:  # it failed, or the work ended before it
            return False
        decided = tuple(Decided.of(item, self._by) for item in whole)
        founds = tuple(merged([found for each in decided for found in each.found], self._classes))
        _count(self._counts, decided, founds)
        self._twice += [self._pair(asked, *pair) for pair in under_two_classes(founds, self._classes)]
        shown = Shown(asked, info_of(asked, whole[0]), decided, founds, self._classes, self._by.min_score)
        self._waiting.append(shown)
        self._pixels += sum(found.mask.size for found in founds)
        if len(self._waiting) == TOGETHER or self._pixels > MOST_PIXELS:
            self._write()
        return True

    def finish(self, done_now: int = 0, changed: tuple[str, ...] = ()) -> Outcome:
        """Finish every format."""
        self._write()
        written: dict[str, tuple[Path, ...]] = {}
        unwritten: dict[str, str] = {}
        for name, writer in self._writers.items():
            finished = attempt(writer.finish, fatal=())
            if isinstance(finished, Failed):
                unwritten[name] = finished.reason
            else:
                written[name] = finished
        failed = {name: "; ".join(reasons) for name, reasons in self._failed.items()}
        counts, twice = self._counts, tuple(self._twice)
        return Outcome(self._images, done_now, changed, self._unanswered, counts, failed, unwritten, written, (), twice)

    def _write(self) -> None:
        """Write the images that wait into every format."""
        waiting, self._waiting, self._pixels = self._waiting, [], 0
        for name, writer in self._writers.items():
            if isinstance(writer, Writers):
                added = writer.add_all([(each.info, each.founds, self._about(each.asked)) for each in waiting])
            else:
                added = [attempt(partial(writer.add, each), fatal=()) for each in waiting]
            for each, failed in zip(waiting, added, strict=True):
                if isinstance(failed, Failed):
                    self._failed.setdefault(each.asked.name, []).append(f"not in {name}: {failed.reason}")

    def _about(self, asked: Asked) -> Provenance:
        return {**self._provenance, **({"image_id": asked.id} if asked.id else {})}

    def _pair(self, asked: Asked, one: Found, other: Found, iou: float) -> dict[str, Any]:
        """Return plain values of one object under two classes."""
        return {
            "image": asked.name,
            "classes": [self._classes.get(each.expression, each.expression) for each in (one, other)],
            "scores": [round(each.score, 6) for each in (one, other)],
            "iou": round(iou, 4),
        }


def write_all(
    writers: Mapping[str, Output],
    asking: Asking,
    answers: Answers,
    *,
    provenance: Provenance,
    journal: Path,
    done_now: int = 0,
    changed: tuple[str, ...] = (),
) -> Outcome:
    """Write every format of what is answered, and remove the files of older answers."""
    writing = Writing(writers, asking.classes, asking.by, provenance)
    held = [asked.place for asked in asking.images if writing.add(asked, answers)]
    outcome = writing.finish(done_now, changed)
    return tidied_up(outcome, list_path(journal), writers, asking, held)


def list_path(journal: Path) -> Path:
    """Return the file beside a batch's answers that lists what was written of them."""
    return journal.with_suffix(".written.json")


def tidied_up(
    outcome: Outcome, listed: Path, writers: Mapping[str, Output], asking: Asking, held: Collection[str]
) -> Outcome:
    """Remove the files of older answers that a list names, and list what `writers` wrote.

    `held` are the places of the images in it.
    """
    written = {name: paths for name, paths in outcome.written.items() if name in writers}
    tidied = attempt(partial(_tidy, listed, writers, written, outcome.unwritten, asking, held), ())
    if isinstance(tidied, Failed):
        log.warning("files of older answers may be left: %s", tidied.reason)
        tidied = Tidied()
    for paths, what in ((tidied.lost, "images that were replaced or are gone"), (tidied.older, "older answers")):
        if paths:
            log.warning("removed %s of %s (%s)", count_of(len(paths), "file"), what, first_few(list(map(str, paths))))
    return replace(outcome, earlier=tidied.earlier)


def _tidy(
    path: Path,
    writers: Mapping[str, Output],
    written: Mapping[str, tuple[Path, ...]],
    unwritten: Collection[str],
    asking: Asking,
    held: Collection[str],
) -> Tidied:
    """Bring the list of what was written up to date; `held` are the places of the images in it."""
    names = Names()
    places = {names.know(each.name): each.place for each in asking.images}
    of: dict[str, dict[Path, str]] = {}
    for name, paths in written.items():
        writer = writers[name]
        sources = writer.sources if isinstance(writer, OfImages) else {}
        of[name] = {path: places[names.know(sources[path])] if path in sources else "" for path in paths}
    contents = {each.place: each.content for each in asking.images}
    return update_list(path, of, unwritten, asked=contents, answered=held, decided=asking.decided())


def _count(counts: dict[str, int], answers: Sequence[Decided], founds: Sequence[Found]) -> None:
    """Count an image's answers."""
    counts["merged"] += sum(len(each.found) for each in answers) - len(founds)
    for each in answers:
        counts["found" if each.found else "empty"] += 1
        if each.denied:
            counts["doubtful" if each.found else "denied"] += 1
        counts["below"] += each.is_below
