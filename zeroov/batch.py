"""Several expressions over many images in one run that can be killed and goes on where it stopped.

Every image's answers are on the disk before the next image begins; the asked formats are written from them at the end,
so that another format costs no model.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.errors import Failed, HardwareError, OutputError, Streak, UsageError, ZeroovError, attempt, first_few
from zeroov.files.atomic import ensure_writable_folder
from zeroov.files.journal import Journal, read_items
from zeroov.files.paths import expanded
from zeroov.ground import Pipeline
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.rle import decode_rle, encode_rle
from zeroov.outputs.stale import update_list
from zeroov.outputs.write import FORMATS, Writers, open_writers
from zeroov.pipeline.models import MODEL_STAGES
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import image_content, open_source
from zeroov.search.area import Aoi, identity_of
from zeroov.types import Box, clean_expression
from zeroov.version import __version__

log = logging.getLogger("zeroov")

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".vrt"}
OUTPUTS = [each.ending for each in FORMATS.values() if Path(each.ending).suffix in IMAGES]


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


@dataclass(frozen=True)
class Asked:
    """An image of a batch: its path as it was given, the place where that leads, and a digest of what it holds.

    `content` is "" where the file cannot be read.
    """

    image: Path
    place: str
    content: str

    @classmethod
    def of(cls, image: Path) -> Asked:
        """Look at an image file."""
        return cls(image, str(expanded(image).parent.resolve() / image.name), image_content(image))


class Answers:
    """The items of a journal, found by what an image holds: an image that was moved keeps its answer."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self._by_place: dict[str, Mapping[str, Any]] = {}
        self._by_content: dict[str, Mapping[str, Any]] = {}
        for item in items:
            self._by_place[item["id"]] = item
            if item["content"] and not item["error"]:
                self._by_content[item["content"]] = item

    def get(self, asked: Asked) -> Mapping[str, Any] | None:
        """Return the item of an image, or `None` where there is none of what it holds now."""
        item = self._by_place.get(asked.place)
        return item if item and item["content"] == asked.content else self._by_content.get(asked.content)

    def is_changed(self, asked: Asked) -> bool:
        """Return whether what is answered of an image's place is another image."""
        return asked.place in self._by_place and self.get(asked) is None


def images_in(places: Sequence[Path], out: Path | None = None) -> list[Path]:
    """Return the image files of folders, and files as they are given, sorted and each once; none is an error.

    What lies in a folder `out` inside them is none of them, nor what was written where `out` is where the images are.
    """
    if missing := [place for place in places if not place.exists()]:
        raise UsageError(f"no such file or folder: {', '.join(f'`{place}`' for place in missing)}; check the names")
    own = out.expanduser().resolve() if out else None
    found: dict[Path, Path] = {}
    for place in places:
        inside, above = [place], (place.resolve(), *place.resolve().parents)
        if place.is_dir():
            inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGES and path.is_file())
        for path in inside:
            parent = path.parent.resolve()  # of one file, "a.tif" and "/data/a.tif" are two spellings
            if own in above or own not in (parent, *parent.parents):
                found.setdefault(parent / path.name, path)
    names = {name for full in found for name in (full.name, full.stem)}
    images = [path for full, path in found.items() if own not in full.parents or not _is_output(full, names)]
    if not images:
        kinds = ", ".join(sorted(IMAGES))
        raise UsageError(f"no images in {', '.join(f'`{place}`' for place in places)}; looked for {kinds}")
    return images


def _is_output(path: Path, names: Set[str]) -> bool:
    """Return whether a file is named as the formats name theirs after one of the images, as a.mask.tif after a.tif."""
    return any(path.name.endswith(ending) and path.name.removesuffix(ending) in names for ending in OUTPUTS)


def read_expressions(path: Path) -> list[str]:
    """Return the expressions of a text file, one a line; empty lines and those that begin with # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read as a text of one expression a line ({error})") from error
    expressions = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not expressions:
        raise UsageError(f"`{path}` holds no expression; write one a line")
    return list(dict.fromkeys(clean_expression(text) for text in expressions))


def one_by_one(
    out: Path, formats: Sequence[str], expressions: Sequence[str], images: Sequence[Path], **options: Any
) -> dict[str, Writers]:
    """Open the writers of each format into the folder `out`, apart: what one of them refuses costs no other."""
    ensure_writable_folder(out)
    asked: dict[str, Any] = {"expressions": expressions, "images": images, **options}
    return {name: open_writers(out, [name], **asked) for name in formats}


def batch(
    pipeline: Pipeline,
    images: Sequence[Path],
    expressions: Sequence[str],
    out: Path,
    writers: Mapping[str, Writers],
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
    retry_failed: bool = False,
    progress: Progress = SILENT,
) -> Outcome:
    """Ask every expression of every image; what `out` already holds is not asked again, unless the image changed.

    An image is what it holds, wherever it lies. One odd image costs itself alone, and so does one odd format. Each
    format has `writers` of its own: an image that one of them refuses is asked all the same, for another format. They
    are written from what was answered, also where the work ends early. `aoi` is the part of each image to look at.
    """
    provenance = pipeline.provenance
    made = {"zeroov": __version__, **provenance, "models": pipeline.models.identities(), **pipeline.recipe.deciding()}
    made |= {"expressions": list(expressions), "all": every, "bands": list(bands or ())}
    made |= {} if aoi is None else {"aoi": identity_of(aoi)}
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
                outcome = attempt(partial(_answer, pipeline, each, expressions, every, bands, aoi, writers, inside))
                journal.add(_failed(pipeline, each, outcome) if isinstance(outcome, Failed) else outcome)
                streak.add(outcome)
                progress.report("images", len(asked) - len(todo) + done, len(asked))
        except ZeroovError:
            answers = Answers(read_items(journal.path))
            answered = sum(answers.get(each) is not None for each in asked)
            log.warning("%d of %d images are answered; the formats hold these", answered, len(asked))
            _write(writers, asked, answers, provenance, journal.path)
            raise
        answers = Answers(read_items(journal.path))
        failed, files, unwritten = _write(writers, asked, answers, provenance, journal.path)
    return Outcome(len(asked), len(todo), changed, _counted(map(answers.get, asked)), failed, unwritten, files)


def _counted(items: Iterable[Mapping[str, Any] | None]) -> dict[str, int]:
    """Return how many answers of some items were found, empty, denied and doubtful."""
    counts = dict.fromkeys(("found", "empty", "denied", "doubtful"), 0)
    for item in items:
        for answer in (item or {}).get("answers", ()):  # an image that failed has none
            found = answer["status"] == "found"
            counts["found" if found else "empty"] += 1
            counts["doubtful" if found else "denied"] += answer["says_absent"]
    return counts


def _write(
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
    writer.add(_info(asked, item), tuple(_founds(item)), provenance)


def _answer(
    pipeline: Pipeline,
    asked: Asked,
    expressions: Sequence[str],
    every: bool,
    bands: tuple[int, ...] | None,
    aoi: Aoi | None,
    writers: Mapping[str, Writers],
    progress: Progress,
) -> dict[str, Any]:
    """Return an image's item of the journal; what could not be looked at of it is its error."""
    with open_source(asked.image, bands, progress=progress) as scene:
        info = SceneInfo.of(scene)
        _warn_of_refusals(info, writers)
        answers = pipeline.ground(scene, list(expressions), every=every, aoi=aoi, progress=progress)
    return {
        "id": asked.place,
        "content": asked.content,
        "error": "; ".join(_failed_tiles(answer) for answer in answers if answer.failed),
        "hw": list(info.hw),
        "crs": info.crs,
        "transform": list(info.transform) if info.transform else None,
        "answers": [
            {
                "expression": answer.expression,
                "status": answer.status,
                "score": answer.score,
                "words": answer.words,
                "says_absent": answer.says_absent,
                "why_empty": answer.why_empty,
            }
            for answer in answers
        ],
        "found": [
            {
                "expression": each.expression,
                "score": each.score,
                "box": list(each.box.xyxy),
                "origin_xy": list(each.origin_xy),
                "mask": encode_rle(each.mask),
                "extra": dict(each.extra),
            }
            for answer in answers
            for each in answer.found
        ],
    }


def _failed_tiles(answer: Answer) -> str:
    first = answer.failed[0]
    count = f"{len(answer.failed)} of {len(answer.tiles)} tiles failed"
    return f'"{answer.expression}": {count}, the first {list(first.window)}: {first.reason}'


def _failed(pipeline: Pipeline, asked: Asked, failed: Failed) -> dict[str, Any]:
    """Return the item of an image that failed; that a model does not fit into memory is no image's fault."""
    if isinstance(failed.error, HardwareError) and not any(pipeline.models.holds(stage) for stage in MODEL_STAGES):
        raise failed.error
    log.warning("%s: %s", asked.image, failed.reason)
    return {"id": asked.place, "content": asked.content, "error": failed.reason}


def _warn_of_refusals(info: SceneInfo, writers: Mapping[str, Writers]) -> None:
    """Warn before the work of formats that cannot hold an image; the work is done for the others, and kept."""
    for name, writer in writers.items():
        try:
            writer.check(info)
        except OutputError as error:
            log.warning("%s: will not be in %s: %s", info.source, name, error)


def _info(asked: Asked, item: Mapping[str, Any]) -> SceneInfo:
    hw, transform = item["hw"], item["transform"]
    return SceneInfo(str(asked.image), (hw[0], hw[1]), item["crs"], tuple(transform) if transform else None)


def _founds(item: Mapping[str, Any]) -> Iterator[Found]:
    for each in item["found"]:
        x, y = each["origin_xy"]
        mask, box = decode_rle(each["mask"]), Box(*each["box"])
        yield Found(mask, (x, y), box, each["score"], each["expression"], "found", each["extra"])
