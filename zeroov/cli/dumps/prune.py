"""`zeroov dumps prune`: remove dumps by criterion; says what would go, and removes only with --yes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, Maps, Set
from zeroov.cli.report import counting, size
from zeroov.errors import UsageError, count_of, did_you_mean

if TYPE_CHECKING:
    from zeroov.dumps.inventory import Entry, Inventory
    from zeroov.recipe import Recipe

DAY = 86_400


def prune(
    folder: Maps,
    stage: Annotated[str | None, typer.Option("--stage", help="Dumps of this stage: overview, focus, evolve.")] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", min=0, help="Dumps written longer ago.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--settings", metavar="DIGEST", help="Dumps of these settings, as `ls` shows them. Repeatable."),
    ] = None,
    keep_recipe: Annotated[
        str | None, typer.Option("--keep-recipe", metavar="NAME|FILE", help="Dumps that this recipe does not use.")
    ] = None,
    set_: Set = None,
    orphans: Annotated[bool, typer.Option("--orphans", help="Evolve dumps whose overview is not here.")] = False,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Also what cannot be read; every file is checked.")
    ] = False,
    leftovers: Annotated[bool, typer.Option("--leftovers", help="Also temporary files older than an hour.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really remove.")] = False,
    json: Json = False,
) -> None:
    """Say which dumps would go, and with --yes remove them. Files that are not zeroov's are never touched.

    A dump goes when it meets all of --stage, --older-than, --settings, --keep-recipe and --orphans that are given.

    Example: zeroov dumps prune maps/ --stage evolve --older-than 30 --yes
    """
    criteria = (stage, older_than, settings, keep_recipe, orphans or None)
    if all(given is None for given in criteria) and not (damaged or leftovers):
        raise UsageError(
            "say what may go: --stage, --older-than, --settings, --keep-recipe, --orphans, --damaged or --leftovers"
        )
    if set_ and keep_recipe is None:
        raise UsageError("--set changes the recipe of --keep-recipe; give both")
    from zeroov.dumps.about import STAGES
    from zeroov.dumps.inventory import SETTLED, remove, take_inventory

    if stage is not None and stage not in STAGES:
        raise UsageError(f"stage `{stage}` has no dumps{did_you_mean(stage, STAGES)}")
    kept = options.chosen(keep_recipe, set_) if keep_recipe else None
    with counting("reading") as progress:
        inventory = take_inventory(folder, thorough=damaged, progress=progress)
    going: list[Entry] = []
    if any(given is not None for given in criteria):
        going = _meeting(inventory, stage, older_than, settings, kept, orphans)
    if damaged:
        going += inventory.damaged
    if leftovers:
        going += [entry for entry in inventory.leftovers if entry.seconds > SETTLED]
    freed = remove(going) if yes else sum(entry.bytes for entry in going)
    if json:
        names = [entry.path.name for entry in going]
        options.say_json({"folder": str(folder), "removed": yes, "files": names, "bytes": freed})
        return
    parts = Counter(entry.stage or "leftover" for entry in going)
    counts = ", ".join(f"{count} {name}" for name, count in parts.items())
    if not going:
        options.say("nothing meets that; `zeroov dumps ls` says what is there")
    elif yes:
        options.say(f"removed {count_of(len(going), 'file')} ({counts}), {size(freed)} freed")
    else:
        options.say(f"would remove {count_of(len(going), 'file')} ({counts}), {size(freed)}; add --yes to do it")


def _meeting(
    inventory: Inventory,
    stage: str | None,
    older_than: float | None,
    settings: list[str] | None,
    kept: Recipe | None,
    orphans: bool,
) -> list[Entry]:
    """Return the readable dumps that meet every criterion that is given."""
    from zeroov.dumps.inventory import used_by

    for digest in settings or []:
        known = {entry.settings for entry in inventory.readable}
        if digest not in known:
            raise UsageError(f"no dumps here have the settings `{digest}`{did_you_mean(digest, known)}")
    found = inventory.orphans if orphans else inventory.readable
    return [
        entry
        for entry in found
        if (stage is None or entry.stage == stage)
        and (older_than is None or entry.seconds > older_than * DAY)
        and (not settings or entry.settings in settings)
        and not (kept and entry.dump and used_by(entry.dump, kept))
    ]
