"""A cache in front of the stages that run models: a dump where there is one, else the model, in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from zeroov import hardware
from zeroov.dumps import Dump, DumpStore
from zeroov.dumps.values import Parts
from zeroov.errors import DumpError
from zeroov.files.atomic import require_writable_folder
from zeroov.files.paths import expanded
from zeroov.look import Cost, Question
from zeroov.pipeline.kept import Kept
from zeroov.pipeline.models import REMEDY, LoadedModels, ModelStage
from zeroov.progress import Progress
from zeroov.recipe import RuntimeRecipe
from zeroov.spans import span

log = logging.getLogger("zeroov")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Made(Generic[T]):
    """What a stage made of a question, what it took, and the key of its dump."""

    value: T
    cost: Cost
    key: str


@dataclass(frozen=True, eq=False)
class Work(Generic[T]):
    """What `model` is asked, as four functions. `stage` names its dumps; its values depend on `settings` alone.

    `size` says how many bytes a value has that is worth keeping in memory, since many questions have it. With `reads`
    a picture is read once for all questions about it, which then are asked together.
    """

    stage: str
    model: ModelStage
    settings: Mapping[str, Any]
    key: Callable[[Question], str]
    compute: Callable[[Sequence[Question]], Sequence[T]]
    to_dump: Callable[[T], Parts]
    from_dump: Callable[[Dump], T]
    size: Callable[[T], int] | None = None
    reads: bool = False


def fill(
    work: Work[T],
    questions: Sequence[Question],
    store: DumpStore | None,
    models: LoadedModels,
    kept: Kept,
    progress: Progress,
) -> list[Made[T]]:
    """Return what the stage makes of each question; questions of one key are answered once."""
    progress.report(work.stage, 0, len(questions))
    keys = [work.key(question) for question in questions]
    made: dict[str, Made[T]] = {}
    waiting: dict[str, Question] = {}
    for key, question in zip(keys, questions, strict=True):
        if key not in made and key not in waiting:
            known = kept.find(key) or _from_dump(work, key, store)
            if known:
                made[key] = known
            else:
                waiting[key] = question
    pending = list(waiting.items())
    if pending and store:
        require_writable_folder(store.folder)  # an error before the work, not after it
    # Before the meter, which measures the stage alone.
    load_seconds = models.load(work.model, progress) if pending else 0.0
    part = work.stage if work.stage in ("overview", "focus") else "select"
    done = len(questions) - len(pending)
    for batch in _batches(pending, models.recipe.runtime, work.reads):
        with span(part), hardware.memory_guard(work.stage, REMEDY), hardware.metered(models.device) as meter:
            values = work.compute([question for _, question in batch])
        for (key, question), value in zip(batch, values, strict=True):
            cost = Cost(meter.seconds / len(batch), meter.peak_bytes, load_seconds)
            made[key], load_seconds = Made(value, cost, key), 0.0
            if work.size:
                again = replace(cost, load_seconds=0.0, origin="memory")
                kept.keep(key, Made(value, again, key), work.size(value))
            if store:
                arrays, about = work.to_dump(value)
                costs = {"seconds": cost.seconds, "peak_bytes": cost.peak_bytes}
                store.write(work.stage, key, arrays, {**header(question), "settings": work.settings, **costs, **about})
        done += len(batch)
        progress.report(work.stage, done, len(questions))
    progress.report(work.stage, len(questions), len(questions))
    return [made[key] for key in keys]


def _batches(
    pending: Sequence[tuple[str, Question]], recipe: RuntimeRecipe, reads: bool
) -> Iterator[list[tuple[str, Question]]]:
    """Yield the questions of one call each: about `recipe.batch` pictures, and one or more of each.

    Questions about one picture stand together, and pictures of one size, so that batches hold little padding.
    """
    of_picture: dict[str, list[tuple[str, Question]]] = {}
    for each in pending:
        of_picture.setdefault(each[1].picture.digest, []).append(each)
    most = recipe.questions if reads else 1
    pieces = [own[at : at + most] for own in of_picture.values() for at in range(0, len(own), most)]
    pieces.sort(key=lambda piece: piece[0][1].picture.hw)
    for start in range(0, len(pieces), recipe.batch):
        yield [each for piece in pieces[start : start + recipe.batch] for each in piece]


def header(question: Question) -> dict[str, Any]:
    """Return what a dump says of the question that it answers."""
    picture = question.picture
    file = expanded(picture.source)
    source = str(file.absolute()) if file.is_file() else picture.source  # found again from any folder
    about: dict[str, Any] = {"digest": picture.digest, "source": source, "hw": list(picture.hw)}
    if picture.part or picture.origin_xy != (0, 0):
        about["window"] = list(picture.file_window)
    return {"picture": about, "expression": question.expression}


def _from_dump(work: Work[T], key: str, store: DumpStore | None) -> Made[T] | None:
    dump = store.read(work.stage, key) if store else None
    if dump is None:
        return None
    try:
        value = work.from_dump(dump)
    except DumpError as error:
        log.warning("%s; it is computed again", error)
        return None
    return Made(value, Cost(dump.about.get("seconds", 0.0), dump.about.get("peak_bytes"), origin="dump"), key)
