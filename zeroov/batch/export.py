"""Write what a journal holds in the asked formats; no model is asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.images import Asked
from zeroov.batch.items import Answers, founds_of, info_of
from zeroov.errors import Failed, OutputError, attempt, first_few
from zeroov.files.atomic import ensure_writable_folder
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.stale import update_list
from zeroov.outputs.write import Writers, open_writers

log = logging.getLogger("zeroov")


def one_by_one(
    out: Path, formats: Sequence[str], expressions: Sequence[str], images: Sequence[Path], **options: Any
) -> dict[str, Writers]:
    """Open the writers of each format into the folder `out`, apart: what one of them refuses costs no other."""
    ensure_writable_folder(out)
    asked: dict[str, Any] = {"expressions": expressions, "images": images, **options}
    return {name: open_writers(out, [name], **asked) for name in formats}


def warn_of_refusals(info: SceneInfo, writers: Mapping[str, Writers]) -> None:
    """Warn before the work of formats that cannot hold an image; the work is done for the others, and kept."""
    for name, writer in writers.items():
        try:
            writer.check(info)
        except OutputError as error:
            log.warning("%s: will not be in %s: %s", info.source, name, error)


def write_all(
    writers: Mapping[str, Writers],
    asked: Sequence[Asked],
    answers: Answers,
    provenance: Mapping[str, str],
    journal: Path,
) -> tuple[dict[str, str], tuple[Path, ...], dict[str, str]]:
    """Write every format; return the failed images with their reasons, the files, and the formats that failed."""
    failed: dict[str, list[str]] = {}
    for each in asked:
        item = answers.get(each)
        if item is None:  # the work ended before it
            continue
        if item["error"]:
            failed[str(each.image)] = [item["error"]]
        if "found" in item:
            for name, writer in writers.items():
                added = attempt(partial(_add, writer, each, item, provenance), fatal=())
                if isinstance(added, Failed):
                    failed.setdefault(str(each.image), []).append(f"not in {name}: {added.reason}")
    files: dict[str, tuple[Path, ...]] = {}
    unwritten: dict[str, str] = {}
    for name, writer in writers.items():
        finished = attempt(writer.finish, fatal=())
        if isinstance(finished, Failed):
            unwritten[name] = finished.reason
        else:
            files[name] = finished
    images = {each.place: each.content for each in asked if answers.get(each)}
    removed = attempt(partial(update_list, journal.with_suffix(".written.json"), files, unwritten, images), fatal=())
    if isinstance(removed, Failed):
        log.warning("files of older answers may be left: %s", removed.reason)
    elif removed:
        log.warning("%d files of older answers were removed (%s)", len(removed), first_few(list(map(str, removed))))
    every = tuple(dict.fromkeys(path for finished in files.values() for path in finished))
    return {name: "; ".join(reasons) for name, reasons in failed.items()}, every, unwritten


def _add(writer: Writers, asked: Asked, item: Mapping[str, Any], provenance: Mapping[str, str]) -> None:
    writer.add(info_of(asked, item), tuple(founds_of(item)), provenance)
