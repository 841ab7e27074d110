"""The shards of a batch: a journal each, a file that says that it is finished, and the formats of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.batch.images import Asked
from zeroov.batch.items import Answers
from zeroov.batch.write import Asking, Outcome, Output, Writing, list_path, tidied_up
from zeroov.errors import OutputError, UsageError
from zeroov.files.atomic import write_json
from zeroov.files.journal import Items, about_path, require_same
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.decide import Deciding
from zeroov.outputs.write import OfImages
from zeroov.progress import SILENT, Progress
from zeroov.shards import WHOLE, Shard

NAMED = re.compile(r"answers-(\d+)-of-(\d+)\.done\.json")


def journal_path(folder: Path, shard: Shard = WHOLE) -> Path:
    """Return where a shard's answers lie."""
    return folder / f"answers{shard.suffix}.jsonl"


def done_path(journal: Path) -> Path:
    """Return the file beside a shard's answers that is there only while the shard is finished."""
    return journal.with_suffix(".done.json")


def write_done(journal: Path, asking: Asking, provenance: Provenance) -> None:
    """Say that a shard is finished, and what it was asked: an image's copy has no item of its own."""
    common = list(asking.expressions)
    images = [
        [each.name, each.place, each.content, None if list(each.expressions) == common else each.expressions, each.id]
        for each in asking.images
    ]
    about = {"expressions": common, "classes": dict(asking.classes), "provenance": dict(provenance)}
    write_json(done_path(journal), {**about, "images": images}, compact=True)


def refuse_other_shards(folder: Path, shard: Shard, made_with: Mapping[str, Any]) -> None:
    """Refuse a folder that holds the answers of another number of shards, or of shards made with anything else."""
    wanted = json.loads(json.dumps(made_with))
    for path in sorted(folder.glob("answers*.jsonl")):
        numbers = re.fullmatch(r"answers-(\d+)-of-(\d+)", path.stem)
        count = int(numbers[2]) if numbers else 1
        if path == journal_path(folder, shard) or not path.stat().st_size or not (numbers or path.stem == "answers"):
            continue
        if count != shard.count:
            raise OutputError(
                f"`{path}` is one of {count} shards, and now there are {shard.count}; "
                + (f"go on with --shard I/{count}" if numbers else "go on without --shard")
                + ", or name another --out"
            )
        about = about_path(path)
        if about.is_file():
            require_same(path, json.loads(about.read_bytes()), wanted)


@dataclass(frozen=True)
class Parts:
    """The finished shards of a folder, by the files that say so; what they were asked and what made them."""

    paths: Sequence[Path]
    expressions: Sequence[str]
    classes: Mapping[str, str]
    provenance: Mapping[str, str]
    images: int
    questions: int

    @property
    def folder(self) -> Path:
        """The folder of the shards."""
        return self.paths[0].parent

    @property
    def names(self) -> Iterator[str]:
        """The images of all shards, as results call them."""
        for path in self.paths:
            yield from (image[0] for image in _read(path)["images"])


def finished_parts(folder: Path) -> Parts:
    """Return the shards of a folder; refuse shards that are not all there, or not all finished."""
    found = {int(match[1]): (path, int(match[2])) for path in folder.glob("*") if (match := NAMED.fullmatch(path.name))}
    begun = {re.sub(r"\.jsonl$", ".done.json", path.name) for path in folder.glob("answers-*-of-*.jsonl")}
    counts = {count for _, count in found.values()} | {int(re.findall(r"\d+", name)[1]) for name in begun}
    if not counts:
        raise UsageError(f"no shards in `{folder}`; `zeroov batch ... --shard I/N --out {folder}` makes them")
    if len(counts) > 1:
        raise UsageError(f"`{folder}` holds parts of {' and of '.join(map(str, sorted(counts)))} shards; leave one out")
    (count,) = counts
    if missing := [str(index) for index in range(1, count + 1) if index not in found]:
        few = ", ".join(missing[:20]) + (", ..." if len(missing) > 20 else "")
        raise UsageError(f"of {count} shards {len(missing)} are not finished ({few}); give their commands again")
    paths = [found[index][0] for index in range(1, count + 1)]
    expressions: dict[str, None] = {}
    classes: dict[str, str] = {}
    provenance: Mapping[str, str] = {}
    images = questions = 0
    for path in paths:
        part = _read(path)
        expressions |= dict.fromkeys(part["expressions"])
        classes |= part["classes"]
        provenance = part["provenance"]
        images += len(part["images"])
        questions += sum(len(part["expressions"] if own is None else own) for _, _, _, own, _ in part["images"])
    return Parts(paths, list(expressions), classes, provenance, images, questions)


def merge(
    parts: Parts,
    writers: Mapping[str, Output],
    by: Deciding,
    classes: Mapping[str, str] | None = None,
    progress: Progress = SILENT,
) -> Outcome:
    """Write the formats of all shards, one shard after another, as `by` decides; no model is needed.

    Only where each answer of the shard in hand starts is in memory, and what the formats themselves keep. Of formats
    of one file for each image, those of images that were replaced or are gone are removed, as `batch` does it.
    """
    classes = classes or parts.classes
    writing, held = Writing(writers, classes, by, parts.provenance), bytearray()
    for path in parts.paths:
        part = _read(path)
        answers = Answers(Items(path.with_name(path.name.replace(".done.json", ".jsonl"))))
        for name, place, content, own, named in part["images"]:
            expressions = tuple(part["expressions"] if own is None else own)
            held.append(writing.add(Asked(name, place, content, expressions, named), answers))
        progress.report("merging", len(held), parts.images)
    outcome, listed = writing.finish(), list_path(journal_path(parts.folder))
    of_images = {name: writer for name, writer in writers.items() if isinstance(writer, OfImages) and writer.sources}
    if not of_images and not listed.exists():
        return outcome
    images = [Asked(image[0], image[1], image[2]) for path in parts.paths for image in _read(path)["images"]]
    places = [image.place for image, is_held in zip(images, held, strict=True) if is_held]
    return tidied_up(outcome, listed, of_images, Asking(images, parts.expressions, classes, by), places)


def _read(path: Path) -> dict[str, Any]:
    try:
        part = json.loads(path.read_bytes())
        return {name: part[name] for name in ("images", "expressions", "classes", "provenance")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(
            f"`{path}` says nothing of a shard ({error}); remove it, and give its command again"
        ) from error
