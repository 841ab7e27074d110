"""Decide what is shown of a journal's answers, and write it in the asked formats; no model is asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.classes import merged
from zeroov.batch.images import Asked
from zeroov.batch.items import Answers, Decided, info_of
from zeroov.batch.pictures import PICTURES, Pictures, Shown, open_pictures
from zeroov.errors import Failed, OutputError, attempt, count_of, first_few
from zeroov.files.atomic import require_writable_folder
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.decide import Deciding
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.stale import update_list
from zeroov.outputs.write import FORMATS, Writers, open_writers, require_format

log = logging.getLogger("zeroov")
Output = Writers | Pictures
COUNTED = ("found", "merged", "doubtful", "empty", "denied", "below")


@dataclass(frozen=True)
class Outcome:
    """How a batch went: images in all, done now, failed with their reasons, and what each format wrote.

    An image some of whose tiles failed is among the failed, and what was found in its others is in the files; so is one
    that a format refuses, and the other formats have it. `unwritten` are formats that could not be written, with their
    reasons. `changed` are images whose content is not what it was when they were answered; they were asked again.
    `unanswered` counts images with an expression that was not asked yet. `answers` counts what was `found` and what is
    `empty`; of the found, what is `merged` (the same object as that of another expression of its class) and what is
    `doubtful`, because the model says that it is not there; of the empty, what the model `denied`, and what scores
    `below` the least score.
    """

    images: int
    done_now: int
    changed: tuple[str, ...]
    unanswered: int
    answers: Mapping[str, int]
    failed: Mapping[str, str]
    unwritten: Mapping[str, str]
    written: Mapping[str, tuple[Path, ...]]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written, each once."""
        return tuple(dict.fromkeys(path for paths in self.written.values() for path in paths))


def one_by_one(
    out: Path, formats: Sequence[str], expressions: Sequence[str], images: Sequence[Path], **options: Any
) -> dict[str, Output]:
    """Open the writers of each format into the folder `out`, apart: what one of them refuses costs no other."""
    for name in formats:
        require_format(name, [*FORMATS, *PICTURES])
    require_writable_folder(out)
    asked: dict[str, Any] = {"expressions": expressions, "images": images, **options}
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
    """What a batch is asked, and what decides which answers are shown."""

    images: Sequence[Asked]
    expressions: Sequence[str]
    classes: Mapping[str, str]
    by: Deciding


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
    """Write every format of what is answered."""
    failed: dict[str, list[str]] = {}
    counts = dict.fromkeys(COUNTED, 0)
    unanswered = 0
    for asked in asking.images:
        items = [item for text in asking.expressions if (item := answers.get(asked, text))]
        unanswered += len(items) < len(asking.expressions)
        if reasons := [item["error"] for item in items if item["error"]]:
            failed[str(asked.image)] = list(dict.fromkeys(reasons))
        whole = [item for item in items if "found" in item]
        if not whole:  # it failed, or the work ended before it
            continue
        decided = tuple(Decided.of(item, asking.by) for item in whole)
        founds = tuple(merged([found for each in decided for found in each.found], asking.classes))
        _count(counts, decided, founds)
        shown = Shown(asked, info_of(asked, whole[0]), decided, founds, asking.classes, asking.by.min_score)
        for name, writer in writers.items():
            added = attempt(partial(_add, writer, shown, provenance), fatal=())
            if isinstance(added, Failed):
                failed.setdefault(str(asked.image), []).append(f"not in {name}: {added.reason}")
    written: dict[str, tuple[Path, ...]] = {}
    unwritten: dict[str, str] = {}
    for name, writer in writers.items():
        finished = attempt(writer.finish, fatal=())
        if isinstance(finished, Failed):
            unwritten[name] = finished.reason
        else:
            written[name] = finished
    held = {each.place: each.content for each in asking.images if answers.has(each)}
    removed = attempt(partial(update_list, journal.with_suffix(".written.json"), written, unwritten, held), fatal=())
    if isinstance(removed, Failed):
        log.warning("files of older answers may be left: %s", removed.reason)
    else:
        for reason, paths in removed.items():
            gone, names = count_of(len(paths), "file"), first_few([str(path) for path in paths])
            log.warning("removed %s of older answers (%s): %s", gone, names, reason)
    reasons_of = {name: "; ".join(reasons) for name, reasons in failed.items()}
    return Outcome(len(asking.images), done_now, changed, unanswered, counts, reasons_of, unwritten, written)


def _add(writer: Output, shown: Shown, provenance: Provenance) -> None:
    if isinstance(writer, Writers):
        writer.add(shown.info, shown.founds, provenance)
    else:
        writer.add(shown)


def _count(counts: dict[str, int], answers: Sequence[Decided], founds: Sequence[Found]) -> None:
    """Count an image's answers."""
    counts["merged"] += sum(len(each.found) for each in answers) - len(founds)
    for each in answers:
        counts["found" if each.found else "empty"] += 1
        if each.denied:
            counts["doubtful" if each.found else "denied"] += 1
        counts["below"] += each.is_below
