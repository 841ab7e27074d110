"""`zeroov plan`: what a batch will cost, from a few of its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Every, Json, RecipeName, Set, Zoom

if TYPE_CHECKING:
    from zeroov.scale.plan import Plan


def plan(
    images: Annotated[list[str], typer.Argument(help="As for a batch: folders, files, lists, addresses.")],
    expressions: Annotated[
        Path | None, typer.Option("--expressions", metavar="FILE", help="The expressions, as for `zeroov batch`.")
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Zoom = False,
    every: Every = False,
    measure: Annotated[int, typer.Option("--measure", min=1, help="How many images to ask here.")] = 20,
    dumps: Annotated[
        bool, typer.Option("--dumps", help="As if every stage's maps were kept: what they take on the disk.")
    ] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Ask a few of a batch's images on this machine, and say what all of them cost: hours, device-hours, disk.

    The hours hold for devices like this one: measure on a GPU for GPUs. Nothing is kept.

    Example: zeroov plan images/ --expressions asked.txt --recipe fast --measure 20
    """
    chosen = options.chosen(recipe, set_, zoom)
    from zeroov.batch import read_expressions, rows_in
    from zeroov.scale.plan import plan as measured

    rows = rows_in(images)
    texts = list(read_expressions(expressions)) if expressions else []
    with options.progress() as progress:
        found = measured(
            rows, texts, chosen, measure=measure, device=device, dumps=dumps, every=every, progress=progress
        )
    if json:
        options.say_json(found.to_json())
    else:
        _say(found)


def _say(plan: Plan) -> None:
    from zeroov.scale.plan import DEVICES

    options.say(f"{plan.images:,} images, {plan.questions:,} questions")
    options.say(
        f"measured  {plan.measured} images on {plan.device}: {plan.seconds:.3g} s each, "
        f"{plan.load_seconds:.3g} s until the first" + (f", {plan.failed} failed" if plan.failed else "")
    )
    unit = "GPU-hours" if plan.device.startswith("cuda") else f"{plan.device}-hours"
    for count in DEVICES:
        options.say(f"{count:3} at once  {plan.hours(count):.3g} hours, {plan.device_hours(count):.3g} {unit}")
    kept = f", maps {plan.images * plan.dump_bytes / 2**30:.3g} GiB" if plan.dump_bytes else ""
    options.say(f"disk      answers {plan.images * plan.answer_bytes / 2**30:.3g} GiB{kept}")
    if plan.device == "cpu":
        options.note("measured on a CPU; it says nothing of a GPU")
