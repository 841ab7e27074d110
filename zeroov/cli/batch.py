"""`zeroov batch`: several expressions over a folder of images, resumable."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import (
    Actors,
    Aoi,
    Bands,
    Device,
    Dumps,
    Engine,
    Every,
    Json,
    Label,
    Of,
    Profile,
    RecipeName,
    Search,
    Set,
    ShardOf,
    Square,
    Staged,
    Tolerance,
    Zoom,
)
from zeroov.errors import UsageError, count_of, first_few
from zeroov.files.paths import expanded
from zeroov.shards import WHOLE

if TYPE_CHECKING:
    from zeroov.batch import Outcome


def batch(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders, images, addresses (https, s3, gs); lists: .txt, .parquet, STAC .json, - for standard input."
        ),
    ] = None,
    expressions: Annotated[
        Path | None,
        typer.Option(
            "--expressions", metavar="FILE", help="A text file: an expression a line, with a tab and its class or not."
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME,...",
            help="coco (by itself), yolo, labelstudio, labelme, cvat, geojson, gpkg, geoparquet, overlay, sheet ...",
        ),
    ] = None,
    asset: Annotated[
        str | None,
        typer.Option("--asset", help="Of STAC items this asset; by default visual, image, data."),
    ] = None,
    shard: ShardOf = None,
    of: Of = None,
    shard_by: Annotated[
        str,
        typer.Option(metavar="turn|hash", help="hash: by an image's name alone; a new image moves no other one."),
    ] = "turn",
    merge: Annotated[
        bool, typer.Option("--merge", help="Write the formats of all shards in --out; ask nothing, and need no model.")
    ] = False,
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Zoom = False,
    scene: Search = None,
    every: Every = False,
    bands: Bands = None,
    aoi: Aoi = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Write no answer that scores below it.")
    ] = None,
    label: Label = None,
    tolerance: Tolerance = None,
    square: Square = None,
    only_export: Annotated[
        bool, typer.Option("--export", help="Write what is answered; ask nothing, and need no model.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try the images again that failed.")] = False,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 although images failed.")
    ] = False,
    slurm: Annotated[
        str | None,
        typer.Option(
            "--slurm",
            metavar="KEY=VALUE,...",
            help="Send shards to Slurm: shards=128,partition=gpu,gpus=1,hours=12,at_once=16,cpus,memory_gib,account.",
        ),
    ] = None,
    engine: Engine = None,
    actors: Actors = None,
    staged: Staged = False,
    dumps: Dumps = None,
    profile: Profile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Ask every expression of every image, and write the answers in the formats of your tools.

    Each question is asked once, and its answer is kept in --out/answers.jsonl. Interrupted, the same command goes on
    where it stopped; a further image or expression asks only what is new. What is written is decided afterwards: the
    same command with --export, and another --min-score, --format, class, --tolerance or --set said_absent=keep, asks no
    model. --export without --recipe takes the recipe that was asked with.

    --shard 2/8, or an array job (Slurm, AWS Batch, Kubernetes with --of N, Cloud Run, torchrun), does one part of the
    images, whose answers are a file of their own. A part writes geoparquet itself; when all are done, --merge writes
    any format of all of them.

    A list has a path or an address a line. A Parquet has a column image, and where you want them id, expressions (asked
    of this image instead of those of FILE) and version (of an image on the web, what it holds now).

    FILE holds an expression a line. After a tab may follow the class that annotations call its objects: `the white
    plane<TAB>plane`. An object that several expressions of one class find is written once, with its best score. Empty
    lines and lines that begin with # are passed over.

    An image that was replaced is asked again; one that was moved keeps its answers. The files that hold answers about a
    replaced or deleted image are removed, with --export too, and so is what an earlier threshold or class list left in
    the formats that are written. A format that is not written now stays; the summary says so where it is out of date.

    An image that fails, or that a format cannot hold (GeoJSON one without a georeference), is reported with its reason
    and makes the exit code 1; all else is written. One with nothing in it is an empty answer, and so is one where the
    model says that there is no such object. What lies in --out is no image.

    One line at the end says which part of the time each stage took, and what was beside them: reading, writing, loading
    models. --profile FILE shows it over time.

    Example: zeroov batch images/ --expressions asked.txt --out labels/ --format coco,yolo
    """
    changes = [*(set_ or []), *([f"min_score={min_score}"] if min_score is not None else [])]
    from zeroov.batch import asked_with, export, finished_parts, one_by_one, read_expressions, rows_in
    from zeroov.batch import batch as run
    from zeroov.batch import merge as join
    from zeroov.outputs.write import require_size
    from zeroov.raster.web import shown

    out = expanded(out)
    if (only_export or merge) and recipe is None and (kept := asked_with(out)):
        recipe = str(kept)
    chosen = options.chosen(recipe, changes, zoom)

    if every and scene is False:
        raise UsageError("--all is a search; leave out --no-scene")
    if (only_export or merge) and retry_failed:
        raise UsageError("--export and --merge ask nothing; leave out --retry-failed")
    if out.exists() and not out.is_dir():
        raise UsageError(f"`{out}` is a file; --out takes a folder, which then holds every format and the answers")
    cluster, pools = options.require_engine(engine, actors, staged), options.actors_of(actors, staged)
    if staged and (every or scene):
        raise UsageError("a search asks all models in turn; leave out --staged, or --all and --scene")
    if slurm:
        if shard or of or merge or only_export or cluster:
            raise UsageError("--slurm sends shards; leave out --shard, --of, --merge, --export and --engine")
        return _send(context, slurm, out, json)
    part = WHOLE if merge else options.shard_of(shard, of)
    if part.count > 1 and only_export:
        raise UsageError("--export writes the formats of a whole batch; of shards --merge does")
    if shard_by not in ("turn", "hash"):
        raise UsageError(f"--shard-by `{shard_by}` is unknown; images are dealt by turn or by hash")
    if merge and (images or shard or of):
        raise UsageError("--merge takes all shards of --out, with their images; leave out images and --shard")
    if not merge and not images:
        raise UsageError("no images: name folders, files, addresses, or a list of them (- is standard input)")
    wanted = options.format_names(formats or ("coco" if part.count == 1 else None))
    classes = read = read_expressions(expressions) if expressions else {}
    named: dict[str, Any] = {"tolerance": tolerance, "square": options.square_classes(square)}
    if merge:
        parts = finished_parts(out)
        classes = dict(parts.classes) | classes
        texts, names, questions = list(parts.expressions), list(parts.names), parts.questions
    else:
        files = rows_in(images or [], out, part, by_hash=shard_by == "hash", asset=asset)
        own = [text for row in files for text in row.expressions]
        texts, names = list(dict.fromkeys([*classes, *own])), [shown(row.image) for row in files]
        questions = sum(len(row.expressions) or len(classes) for row in files)
    if label:
        classes = dict.fromkeys(texts, label)
    require_size(wanted if part.count == 1 else [], questions)
    writers = one_by_one(out, wanted, texts, names, part, classes=classes, **named)
    asking: dict[str, Any] = {"classes": classes, "every": every, "search": scene, "aoi": aoi}
    asking["bands"] = options.band_numbers(bands)
    with options.timed(profile) as recorder:
        if merge:
            with options.progress() as progress:
                outcome = join(parts, writers, chosen, classes, progress)
        elif only_export:
            outcome = export(chosen, files, list(read), out, writers, **asking)
        elif cluster:
            from zeroov.scale.ray import RayEngine

            shared = dumps and expanded(dumps).resolve()
            ray = RayEngine(pools, device, shared, staged=chosen if staged else None)
            asking |= {"retry_failed": retry_failed, "shard": part, "engine": ray}
            with options.progress() as progress:
                outcome = run(ray.describe(chosen), files, list(read), out, writers, **asking, progress=progress)
        else:
            from zeroov.ground import Pipeline
            from zeroov.shards import device_of_this_process

            asking |= {"retry_failed": retry_failed, "shard": part}
            with options.progress() as progress, Pipeline(chosen, device_of_this_process(device), dumps) as pipeline:
                outcome = run(pipeline, files, list(read), out, writers, **asking, progress=progress)
    if json:
        written = {"written": {name: len(paths) for name, paths in outcome.written.items()}}
        rest = {"files": [str(path) for path in outcome.files], "time": recorder.shares.to_json()}
        shards = {"shard": f"{part.index}/{part.count}"} if part.count > 1 else {}
        options.say_json(vars(outcome) | written | rest | shards)
    else:
        _say(outcome)
        options.say(f"time      {recorder.shares}")
        if part.count > 1:
            later = ",".join(name for name in wanted if name not in writers)
            command = f"zeroov batch --merge --out {out}" + (f" --format {later}" if later else "")
            options.say(f"shard     {part.index} of {part.count}; when all are done: {command}")
    if outcome.unwritten or (outcome.failed and not allow_failures):
        raise typer.Exit(1)


def _send(context: typer.Context, slurm: str, out: Path, json: bool) -> None:
    """Send this very command to Slurm, a shard a task."""
    from zeroov.files.atomic import ensure_writable_folder
    from zeroov.scale.slurm import Slurm, submit

    asked = Slurm.parse(slurm)
    given = context.meta["arguments"]
    at = next(number for number, word in enumerate(given) if word.partition("=")[0] == "--slurm")
    arguments = [*given[:at], *given[at + (1 if "=" in given[at].partition("--slurm")[2][:1] else 2) :]]
    jobs = submit(asked, arguments, ensure_writable_folder(out / "slurm"))
    names = [str(job.job_id) for job in jobs]
    if json:
        options.say_json({"jobs": names, "logs": str(out / "slurm")})
    else:
        options.say(f"{count_of(len(jobs), 'shard')} sent as {names[0]} to {names[-1]}, logs in {out / 'slurm'}")
        options.say(f"when all are done: zeroov batch --merge --out {out}; the same command sends again what is not")


def _say(outcome: Outcome) -> None:
    options.say(
        f"{count_of(outcome.images, 'image')}, {outcome.done_now} of them done now, {len(outcome.failed)} failed"
    )
    options.say(_counts(outcome.answers))
    if outcome.unanswered:
        options.note(f"not answered whole: {count_of(outcome.unanswered, 'image')}; without --export the rest is asked")
    for name, reason in list(outcome.failed.items())[:5]:
        options.note(f"{name}: {reason}")
    for name, reason in outcome.unwritten.items():
        options.note(f"format {name} was not written: {reason}")
    if outcome.twice:
        options.say(_twice(outcome.twice))
    for name, paths in outcome.written.items():
        options.say(f"{name:9} {_places(paths)}")
    if outcome.earlier:
        options.note(
            f"left as before, of an earlier threshold or class list or without new images: {', '.join(outcome.earlier)}"
            f"; --export --format {','.join(outcome.earlier)} writes what is shown now"
        )


def _twice(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Say how many objects have two classes, and name a few."""
    from zeroov.batch.classes import ONE_PLACE

    few = [
        f"{Path(pair['image']).name}: {pair['classes'][0]} {pair['scores'][0]:.2f} and {pair['classes'][1]} "
        f"{pair['scores'][1]:.2f}"
        for pair in pairs
    ]
    return (
        f"one object under two classes (IoU {ONE_PLACE:g} or more), of which one at most is right: "
        f"{count_of(len(pairs), 'pair')}, {first_few(few)}"
    )


def _places(paths: tuple[Path, ...]) -> str:
    """Return the names of a few files, of many how many they are and where."""
    if len(paths) < 4:
        return ", ".join(map(str, paths)) or "nothing to write"
    return f"{len(paths)} files in {os.path.commonpath([path.parent for path in paths])}"


def _counts(answers: Mapping[str, int]) -> str:
    """Say how many answers were found, how many are doubtful or empty, and why."""
    from zeroov.outputs.decide import DENIED

    found = {"the same object as another expression of the class": "merged", f"doubtful: {DENIED}": "doubtful"}
    empty = {f"because {DENIED}": "denied", "below the least score": "below"}
    parts = []
    for name, reasons in (("found", found), ("empty", empty)):
        why = ", ".join(f"{answers[key]} of them {reason}" for reason, key in reasons.items() if answers[key])
        parts.append(f"{answers[name]} {name}" + (f" ({why})" if why else ""))
    return ", ".join(parts)
