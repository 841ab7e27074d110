"""Ask every expression of every image; what is in the journal already is not asked again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from zeroov import recipe as recipes
from zeroov.batch.ask import Asker, AskOptions, Items, Texts
from zeroov.batch.images import Asked
from zeroov.batch.items import Answers, item_id
from zeroov.batch.rows import Row, row_of
from zeroov.batch.shards import done_path, journal_path, refuse_other_shards, write_done
from zeroov.batch.write import Asking, Outcome, Output, write_all
from zeroov.errors import (
    Interrupted,
    OutputError,
    Streak,
    UsageError,
    ZeroovError,
    count_of,
    first_few,
)
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.files.journal import Journal, about_path
from zeroov.outputs.decide import UNDECIDED
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe
from zeroov.search.area import Aoi, identity_of
from zeroov.shards import WHOLE, Shard
from zeroov.spans import span
from zeroov.types import clean_expression
from zeroov.version import __version__

log = logging.getLogger("zeroov")
RECIPE = "answers.recipe.toml"


class Engine(Protocol):
    """What makes an asker: the models of this process (`Asker`), or those of a cluster."""

    def __call__(
        self,
        pipeline: Any,
        writers: Mapping[str, Output],
        options: AskOptions,
        progress: Progress,
    ) -> Asks:
        """Make an asker of a pipeline's recipe."""


class Asks(Protocol):
    """What asks images."""

    def ask(self, todo: Texts) -> Generator[tuple[Items, object], None, None]:
        """Yield the items of each image's expressions, and what was returned or how it failed; close it."""


class Described(Protocol):
    """What a batch itself wants of a pipeline: the recipe, and what identifies its models."""

    @property
    def recipe(self) -> Recipe:
        """The recipe."""

    @property
    def models(self) -> Any:
        """What knows the `identities` of the models."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """What every answer says of how it was made."""


def batch(
    pipeline: Described,
    images: Iterable[Row | str | os.PathLike[str]],
    expressions: Sequence[str],
    out: Path,
    writers: Mapping[str, Output],
    *,
    classes: Mapping[str, str] | None = None,
    every: bool = False,
    search: bool | None = None,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
    retry_failed: bool = False,
    shard: Shard = WHOLE,
    engine: Engine = Asker,
    progress: Progress = SILENT,
) -> Outcome:
    """Ask every expression of every image; what `out` already holds is not asked again, unless the image changed.

    An image is what it holds, wherever it lies. One odd image costs itself alone, and so does one odd format. Each
    format has `writers` of its own: an image that one of them refuses is asked all the same, for another format. They
    are written from what was answered, also where the work ends early. The recipe's `min_score` and `said_absent`
    decide what is written, not what is asked. `classes` are what annotations call the objects of an expression.
    `aoi` is the part of each image to look at. A row with expressions of its own is asked those alone.

    `images` are those of this `shard`, which has a journal of its own; `merge` writes the formats of all shards.
    """
    texts = list(dict.fromkeys(map(clean_expression, expressions)))
    options = AskOptions(every, search, bands, aoi)
    made = {**made_with(pipeline.recipe, options), "models": pipeline.models.identities()}
    path = journal_path(ensure_writable_folder(out), shard)
    _require_same_recipe(out, path, pipeline.recipe)
    refuse_other_shards(out, shard, made)
    with Journal(path, made) as journal:
        write_atomically(out / RECIPE, pipeline.recipe.to_toml().encode())
        # An image that could not be read is always asked again.
        kept = {str(item["id"]) for item in journal if item["content"] and not (retry_failed and item["error"])}
        if len(kept) < len(journal):
            journal.rewrite(kept)
        answers = Answers(journal)
        asking = _asking(images, texts, classes or {}, pipeline.recipe)
        todo = {
            each: [text for text in each.expressions if not answers.has(each, text)]
            for each in asking.images
            if not answers.is_whole(each)
        }
        if todo:
            done_path(path).unlink(missing_ok=True)
        replaced = _changed(todo, answers, "asked again")
        end = partial(write_all, writers, asking, answers, provenance=pipeline.provenance, journal=path)
        asker = engine(pipeline, writers, options, progress.inner())
        count, streak = len(asking.images), Streak()
        done = count - len(todo)
        progress.report("images", done, count)
        try:
            with contextlib.closing(asker.ask(_once(todo))) as asked:
                for made_now, outcome in asked:
                    journal.add(*made_now)
                    for item in made_now:
                        answers.add(item)
                    streak.add(outcome)
                    done += 1
                    progress.report("images", done, count)
            progress.report("images", count, count)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"stopped: {_answered(asking, answers)} of {count} images are answered and kept in "
                f"`{path}`; the same command goes on there, and with --export it writes the labels of these "
                "without a model"
            ) from stop
        except ZeroovError:
            log.warning("%d of %d images are answered; the formats hold these", _answered(asking, answers), count)
            end()
            raise
        with span("writing"):
            ended = end(done_now=len(todo), changed=replaced)
        if shard.count > 1:
            write_done(path, asking, pipeline.provenance)
        return ended


def export(
    recipe: Recipe,
    images: Iterable[Row | str | os.PathLike[str]],
    expressions: Sequence[str],
    out: Path,
    writers: Mapping[str, Output],
    *,
    classes: Mapping[str, str] | None = None,
    every: bool = False,
    search: bool | None = None,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
) -> Outcome:
    """Write what a batch answered, as the recipe's `min_score` and `said_absent` decide; no model is needed."""
    texts = list(dict.fromkeys(map(clean_expression, expressions)))
    path = journal_path(out)
    try:
        made = json.loads(about_path(path).read_bytes())
        first = made["models"]["overview"]
        provenance = {"model": str(first["model"]), "model_revision": str(first["revision"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"`{path}` holds no answers of this version; ask first, without --export") from error
    _require_same_recipe(out, path, recipe)
    options = AskOptions(every, search, bands, aoi)
    with Journal(path, {**made_with(recipe, options), "models": made["models"]}) as journal:
        asking, answers = _asking(images, texts, classes or {}, recipe), Answers(journal)
        missing = [each for each in asking.images if not answers.is_whole(each)]
        replaced = _changed(missing, answers, "no labels are written of them until they are asked, without --export")
        named = {"recipe": recipe.name, "recipe_digest": recipe.digest, **provenance, **recipe.overview.served}
        return write_all(writers, asking, answers, provenance=named, journal=path, changed=replaced)


def _asking(
    images: Iterable[Row | str | os.PathLike[str]], texts: Sequence[str], classes: Mapping[str, str], by: Recipe
) -> Asking:
    """Look at what is asked: each image once, with its own expressions or else the run's."""
    asked: dict[Asked, None] = {}
    everything, default = dict.fromkeys(texts), tuple(texts)
    for row in map(row_of, images):
        if not (own := row.expressions or default):
            raise UsageError(f"`{row.image}` has no expression of its own, and none is given; add --expressions FILE")
        everything |= dict.fromkeys(row.expressions)
        asked[Asked.of(row.image, own, row.id, row.version)] = None
    return Asking(list(asked), list(everything), classes, by)


def made_with(recipe: Recipe, options: AskOptions) -> dict[str, Any]:
    """Return what makes answers incomparable, besides the models; not what is asked, and not what is shown."""
    deciding = {name: value for name, value in recipe.deciding().items() if name not in UNDECIDED}
    asked = {
        "all": options.every,
        "scene": options.search,
        "bands": list(options.bands or ()),
        "aoi": None if options.aoi is None else identity_of(options.aoi),
    }
    return {"zeroov": __version__, **deciding, **asked}


def asked_with(out: Path) -> Path | None:
    """Return the file of the recipe that a folder's answers were asked with; `None` where there is none."""
    path = out / RECIPE
    return path if path.is_file() else None


def _require_same_recipe(out: Path, journal: Path, recipe: Recipe) -> None:
    """Refuse another recipe than that of the answers by its name; the journal refuses another value of a key."""
    path = asked_with(out)
    if path is None or not journal.is_file() or not journal.stat().st_size:  # nothing is answered
        return
    was = recipes.load(path)
    differs = recipes.changed(was.with_values(UNDECIDED).deciding(), recipe.with_values(UNDECIDED))
    if was.name != recipe.name and differs:
        raise OutputError(
            f"`{journal}` was asked with recipe `{was.name}`, and now it is `{recipe.name}`; give --recipe "
            f"{shlex.quote(str(path))}, or another --out; --export without --recipe takes it by itself"
        )


def _changed(images: Iterable[Asked], answers: Answers, then: str) -> tuple[str, ...]:
    """Return the images, of those not answered whole, that changed since they were answered; warn of them."""
    changed = tuple(each.name for each in images if answers.is_changed(each))
    if changed:
        log.warning("%s changed since the answer (%s); %s", count_of(len(changed), "image"), first_few(changed), then)
    return changed


def _once(todo: Mapping[Asked, Sequence[str]]) -> dict[Asked, list[str]]:
    """Return what is asked of each image; what a copy of it before is asked, is not asked again."""
    planned: set[str] = set()
    asked: dict[Asked, list[str]] = {}
    for each, texts in todo.items():
        new = [text for text in texts if item_id(each, text) not in planned]
        planned |= {item_id(each, text) for text in new}
        if new:
            asked[each] = new
    return asked


def _answered(asking: Asking, answers: Answers) -> int:
    """Return how many images every expression is answered of."""
    return sum(map(answers.is_whole, asking.images))
