"""`zeroov doctor`: whether this machine grounds as it should, and a report to attach to an issue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json, RecipeName, Set
from zeroov.files.paths import expanded


def doctor(
    recipe: RecipeName = None,
    set_: Set = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The report, JSON.")] = Path("zeroov-doctor.json"),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Say whether this machine grounds as it should: packages, device, memory, models, and each stage on two pictures.

    Every line is ok, warning, failed (exit code 1) or skipped, and says what to do. The report holds the same lines
    without paths and names: attach it to an issue. Models are not downloaded: `zeroov models get` does that.

    Example: zeroov doctor --recipe mini
    """
    chosen = options.chosen(recipe, set_)
    from zeroov.doctor.check import Check
    from zeroov.doctor.examine import examine
    from zeroov.doctor.report import counts, document
    from zeroov.files.atomic import ensure_writable_folder, refuse_folder, write_json

    ensure_writable_folder(expanded(out).parent)
    refuse_folder(out := expanded(out))
    checks: list[Check] = []
    for check in examine(chosen, device, options.same_recipe(chosen, recipe, set_)):
        checks.append(check)
        write_json(out, document(chosen, checks))  # each time: a program that is killed leaves what it found
        if not json:
            options.say(f"{check.verdict:8} {check.name:31} {options.plain(check.measured)}")
            if check.advice:
                options.say(f"{'':8} {'':31} -> {options.plain(check.advice)}")
    found = counts(checks)
    if json:
        options.say_json(document(chosen, checks))
    else:
        options.say(f"\n{', '.join(f'{count} {verdict}' for verdict, count in found.items())}; wrote {out}")
    if found["failed"]:
        raise typer.Exit(1)
