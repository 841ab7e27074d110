"""`zeroov bench run` and `merge`: a recipe over a whole split, resumable, in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Actors, Device, Engine, Json, Of, Profile, RecipeName, Set, ShardOf, Staged
from zeroov.errors import UsageError, count_of

Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the data set is.")]


def run(
    name: Annotated[str, typer.Argument(help="The benchmark; `zeroov bench data` lists them.")],
    root: Root,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run's folder.")],
    split: Annotated[str, typer.Option("--split", help="The split to run.")] = "test",
    recipe: RecipeName = None,
    set_: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first samples of the split.")] = None,
    shard: ShardOf = None,
    of: Of = None,
    engine: Engine = None,
    actors: Actors = None,
    staged: Staged = False,
    dumps: Annotated[
        Path | None,
        typer.Option(
            "--dumps", metavar="DIR", help="Take maps from here, and keep them here; by default in the run's folder."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="RUN", help="Read the attention of this run's answers; decode none."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try the samples again that failed.")] = False,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 although samples failed; they count as missed anyway.")
    ] = False,
    profile: Profile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Run a recipe over a split: stage by stage, one model in memory at a time.

    Interrupted anywhere, the same command goes on where it stopped. Every sample ends as one line of records.jsonl;
    one that fails is a line with its reason, counts as missed, and makes the exit code 1.

    The last line but one says which part of the time each stage took, and what was beside them: reading pictures and
    maps, writing maps and records, loading models. --profile FILE shows it over time.

    With --dumps runs/first/dumps, another alpha costs Evolve and Segment Anything alone. With --answers runs/first,
    other layers or heads cost one pass over each known answer.

    Example: zeroov bench run rrsisd --root data/rrsisd --recipe fast --out runs/rrsisd
    """
    chosen = options.chosen(recipe, set_, given=answers is not None)
    from zeroov import shards
    from zeroov.bench.data import registry
    from zeroov.bench.runs.run import run as go
    from zeroov.recipe import changed

    part = options.shard_of(shard, of)
    pools = options.actors_of(actors, staged)
    if cluster := options.require_engine(engine, actors, staged):
        from zeroov.bench.runs.answers import refuse_answers
        from zeroov.scale.ray_bench import RayBench

        refuse_answers(answers)  # before a cluster is looked for
    read = registry.find(name).read(root, split)
    for remark in read.remarks[:5]:
        options.note(f"{remark}")
    if len(read.remarks) > 5:
        options.note(
            f"... and {len(read.remarks) - 5} more remarks; `zeroov bench data {name} --root {root}` shows all"
        )
    if limit:
        read = read.first(limit)
    if not read.samples:
        raise UsageError(f"split `{read.name}` of {read.benchmark} holds no samples; see `zeroov bench data {name}`")
    with options.timed(profile) as recorder, options.progress() as progress:
        outcome = go(
            read,
            chosen,
            out,
            device=shards.device_of_this_process(device),
            shard=part,
            retry_failed=retry_failed,
            dumps=dumps,
            answers=answers,
            changes=changed(chosen.deciding(), options.chosen(recipe, None)),
            engine=RayBench(pools, device, chosen if staged else None) if cluster else None,
            progress=progress,
        )
    if json:
        done = {"folder": str(out), "shard": f"{part.index}/{part.count}"} | vars(outcome)
        options.say_json(done | {"time": recorder.shares.to_json()})
    else:
        options.say(
            f"{count_of(outcome.samples, 'sample')}, {outcome.done_now} of them done now, {outcome.failed} failed"
        )
        options.say(f"time      {recorder.shares}")
        options.say(f"score     zeroov bench score {out}")
    if outcome.failed and not allow_failures:
        raise typer.Exit(1)


def merge(
    folders: Annotated[list[Path], typer.Argument(help="The folders that hold the shards' records.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the whole run.")],
) -> None:
    """Join the shards of a run that lie in several folders. Those in one folder join by themselves when all are done.

    Shards that do not belong together, overlap, or are not all there are refused, with what is missing.
    """
    from zeroov.bench.runs.merging import merge as join
    from zeroov.files.paths import expanded

    count = join(folders, expanded(out))
    options.say(f"{count_of(count, 'record')} in {out / 'records.jsonl'}")
