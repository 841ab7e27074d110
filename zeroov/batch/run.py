"""Ask every expression of every image; what is in the journal already is not asked again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.export import warn_of_refusals, write_all
from zeroov.batch.images import Asked
from zeroov.batch.items import Answers, counted, item_of
from zeroov.errors import Failed, HardwareError, Streak, ZeroovError, attempt, first_few
from zeroov.files.atomic import ensure_writable_folder
from zeroov.files.journal import Journal, read_items
from zeroov.ground import Pipeline
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.write import Writers
from zeroov.pipeline.models import MODEL_STAGES
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import open_source
from zeroov.version import __version__

log = logging.getLogger("zeroov")


@dataclass(frozen=True)
class Outcome:
    """How a batch went: images in all, done now, failed with their reasons, and the files that were written.

    An image some of whose tiles failed is among the failed, and what was found in its others is in the files; so is one
    that a format refuses, and the other formats have it. `unwritten` are formats that could not be written, with their
    reasons. `changed` are images whose content is not what it was when they were answered; they were asked again.
    `answers` counts what was `found` and what is `empty`; of the empty ones, those that the model `denied`; of what was
    found, what is `doubtful`, because the model says that it is not there.
    """

    images: int
    done_now: int
    changed: tuple[str, ...]
    answers: Mapping[str, int]
    failed: Mapping[str, str]
    unwritten: Mapping[str, str]
    files: tuple[Path, ...]


def batch(
    pipeline: Pipeline,
    images: Sequence[Path],
    expressions: Sequence[str],
    out: Path,
    writers: Mapping[str, Writers],
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    retry_failed: bool = False,
    progress: Progress = SILENT,
) -> Outcome:
    """Ask every expression of every image; what `out` already holds is not asked again, unless the image changed.

    An image is what it holds, wherever it lies. One odd image costs itself alone, and so does one odd format. Each
    format has `writers` of its own: an image that one of them refuses is asked all the same, for another format. They
    are written from what was answered, also where the work ends early.
    """
    provenance = pipeline.provenance
    made = {"zeroov": __version__, **provenance, "models": pipeline.models.identities(), **pipeline.recipe.deciding()}
    made |= {"expressions": list(expressions), "all": every, "bands": list(bands or ())}
    with Journal(ensure_writable_folder(out) / "answers.jsonl", made) as journal:
        if retry_failed:
            journal.rewrite({str(item["id"]) for item in read_items(journal.path) if not item["error"]})
        asked = [Asked.of(image) for image in images]
        before = Answers(read_items(journal.path))
        todo = [each for each in asked if not each.content or before.get(each) is None]
        changed = tuple(str(each.image) for each in todo if each.content and before.is_changed(each))
        if changed:
            log.warning(
                "%d of %d images changed since they were answered (%s); asked again",
                len(changed),
                len(asked),
                first_few(changed),
            )
        progress.report("images", len(asked) - len(todo), len(asked))
        streak, inside = Streak(), progress.inner()
        try:
            for done, each in enumerate(todo, start=1):
                outcome = attempt(partial(_answer, pipeline, each, expressions, every, bands, writers, inside))
                journal.add(_failed(pipeline, each, outcome) if isinstance(outcome, Failed) else outcome)
                streak.add(outcome)
                progress.report("images", len(asked) - len(todo) + done, len(asked))
        except ZeroovError:
            answers = Answers(read_items(journal.path))
            answered = sum(answers.get(each) is not None for each in asked)
            log.warning("%d of %d images are answered; the formats hold these", answered, len(asked))
            write_all(writers, asked, answers, provenance, journal.path)
            raise
        answers = Answers(read_items(journal.path))
        failed, files, unwritten = write_all(writers, asked, answers, provenance, journal.path)
    return Outcome(len(asked), len(todo), changed, counted(map(answers.get, asked)), failed, unwritten, files)


def _answer(
    pipeline: Pipeline,
    asked: Asked,
    expressions: Sequence[str],
    every: bool,
    bands: tuple[int, ...] | None,
    writers: Mapping[str, Writers],
    progress: Progress,
) -> dict[str, Any]:
    """Ask every expression of an image; return its item of the journal."""
    with open_source(asked.image, bands, progress=progress) as scene:
        info = SceneInfo.of(scene)
        warn_of_refusals(info, writers)
        answers = pipeline.ground(scene, list(expressions), every=every, progress=progress)
    return item_of(asked, info, answers)


def _failed(pipeline: Pipeline, asked: Asked, failed: Failed) -> dict[str, Any]:
    """Return the item of an image that failed; that a model does not fit into memory is no image's fault."""
    if isinstance(failed.error, HardwareError) and not any(pipeline.models.holds(stage) for stage in MODEL_STAGES):
        raise failed.error
    log.warning("%s: %s", asked.image, failed.reason)
    return {"id": asked.place, "content": asked.content, "error": failed.reason}
