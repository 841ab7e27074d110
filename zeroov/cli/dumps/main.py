"""`zeroov dumps`: what a folder of dumps holds, whether it is whole, and what can go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from zeroov.cli import options
from zeroov.cli.dumps import export, prune
from zeroov.cli.options import Json, Maps
from zeroov.cli.report import counting, say_table, size
from zeroov.errors import count_of

if TYPE_CHECKING:
    from zeroov.dumps.inventory import Entry, Inventory

app = typer.Typer(help="Look into folders of dumps: list, verify, prune, export.", no_args_is_help=True)


@app.command("ls")
def ls(folder: Maps, json: Json = False) -> None:
    """List what is there: files and bytes per stage and settings, pictures, expressions, and what is wrong.

    Example: zeroov dumps ls maps/
    """
    from zeroov.dumps.inventory import take_inventory

    with counting("reading") as progress:
        inventory = take_inventory(folder, progress=progress)
    document = _document(inventory)
    if json:
        options.say_json(document)
        return
    rows = [("STAGE", "SETTINGS", "FILES", "SIZE", "PICTURES", "MADE BY")]
    for group in document["groups"]:
        made_by = f"{group['model']} {group['revision'][:12]}" if group["model"] else "no model"
        count, pictures = str(group["files"]), str(group["pictures"])
        rows.append((group["stage"], group["digest"], count, size(group["bytes"]), pictures, made_by))
    if document["groups"]:
        say_table(rows)
    options.say(
        f"{count_of(len(inventory.entries), 'dump')}, {size(document['bytes'])}: "
        f"{count_of(document['pictures'], 'picture')}, "
        f"{count_of(document['expressions'], 'pair')} of picture and expression"
    )
    for what, hint in (
        ("orphans", "evolve dumps whose overview is not here"),
        ("damaged", "dumps that cannot be read; `zeroov dumps verify` names them"),
        ("leftovers", "temporary files of interrupted writes; `zeroov dumps prune --leftovers` removes them"),
    ):
        if found := document[what]:
            options.say(f"{len(found)} {hint}")
    if inventory.others:
        options.say(f"{inventory.others} other files, not zeroov's dumps")


@app.command("verify")
def verify(folder: Maps, json: Json = False) -> None:
    """Check every dump: checksum, name, and that its arrays make what its stage makes. Exit code 1 if one is damaged.

    Example: zeroov dumps verify maps/
    """
    from zeroov.dumps.inventory import take_inventory

    with counting("verifying") as progress:
        inventory = take_inventory(folder, thorough=True, progress=progress)
    damaged = inventory.damaged
    if json:
        options.say_json({"folder": str(folder), "files": len(inventory.entries), "damaged": _faults(damaged)})
    else:
        for entry in damaged:
            options.say(entry.fault)
        whole = len(inventory.entries) - len(damaged)
        remedy = f"; remove them with `zeroov dumps prune {folder} --damaged`" if damaged else ""
        options.say(f"{whole} of {len(inventory.entries)} dumps are whole, {len(damaged)} damaged{remedy}")
    if damaged:
        raise typer.Exit(1)


app.command("prune")(prune.prune)
app.command("export")(export.export)
app.command("quantise")(export.quantise)


def _faults(entries: list[Entry]) -> list[dict[str, str]]:
    return [{"file": entry.path.name, "reason": entry.fault} for entry in entries]


def _document(inventory: Inventory) -> dict[str, Any]:
    """Return what `ls --json` prints."""
    from zeroov.dumps.about import STAGES
    from zeroov.dumps.inventory import groups

    dumps = [entry.dump for entry in inventory.readable if entry.dump]
    # Focus dumps that serve every expression name the one for which they were made first.
    samples = {(d.about["picture"]["digest"], d.about["expression"]) for d in dumps if d.stage != "focus"}
    stages = {}
    for stage in STAGES:
        sizes = [entry.bytes for entry in inventory.entries if entry.stage == stage]
        stages[stage] = {"files": len(sizes), "bytes": sum(sizes)}
    listed = []
    for (stage, digest), entries in groups(inventory).items():
        alike = [entry.dump for entry in entries if entry.dump]
        settings = dict(alike[0].about["settings"])
        if stage == "evolve":  # the keys of a sample's own maps
            del settings["overview"], settings["focus"]
        listed.append(
            {
                "stage": stage,
                "digest": digest,
                "files": len(entries),
                "bytes": sum(entry.bytes for entry in entries),
                "pictures": len({dump.about["picture"]["digest"] for dump in alike}),
                "model": alike[0].about.get("model", ""),
                "revision": alike[0].about.get("revision", ""),
                "settings": settings,
            }
        )
    return {
        "folder": str(inventory.folder),
        "bytes": sum(entry.bytes for entry in inventory.entries),
        "pictures": len({dump.about["picture"]["digest"] for dump in dumps}),
        "expressions": len(samples),
        "stages": stages,
        "groups": listed,
        "orphans": [entry.path.name for entry in inventory.orphans],
        "damaged": _faults(inventory.damaged),
        "leftovers": [entry.path.name for entry in inventory.leftovers],
        "others": inventory.others,
    }
