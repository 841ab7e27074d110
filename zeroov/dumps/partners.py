"""Which Focus dump belongs to an Overview dump: one of the same picture, made for the same words or for any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from zeroov.dumps.key import differing, focus_settings
from zeroov.dumps.store import Dump, DumpStore
from zeroov.errors import DumpError
from zeroov.recipe import Recipe


def focus_index(maps: DumpStore) -> dict[str, list[Dump]]:
    """Return the headers of the Focus dumps by their picture's digest."""
    focuses: dict[str, list[Dump]] = defaultdict(list)
    for focus in maps.all("focus", headers_only=True):
        focuses[focus.about["picture"]["digest"]].append(focus)
    return focuses


def fitting(overview: Dump, focuses: Sequence[Dump]) -> list[Dump]:
    """Return those of a picture's Focus dumps that serve an Overview dump's expression."""
    expression = overview.about["expression"]
    return [
        dump
        for dump in focuses
        if "{expression}" not in dump.about["settings"]["prompt"] or dump.about["expression"] == expression
    ]


def partner(overview: Dump, focuses: Sequence[Dump], recipe: Recipe) -> tuple[Dump, list[str]]:
    """Return the one of a picture's Focus dumps that belongs to an Overview dump, if need be the recipe's own.

    With it, in which settings it differs from what the recipe makes.
    """
    wanted = focus_settings(recipe.focus, "", "")
    served = fitting(overview, focuses)
    served = [dump for dump in served if not differing(dump.about["settings"], wanted)] or served
    if len(served) == 1:
        return served[0], [f"focus.{item}" for item in differing(served[0].about["settings"], wanted)]
    what = f'`{overview.about["picture"]["source"]}`, "{overview.about["expression"]}"'
    if not served:
        raise DumpError(
            f"no focus dump for {what}; make it with `zeroov focus IMAGE TEXT --out DIR` "
            'or leave Focus out with --set stages=["overview","evolve"]'
        )
    names = ", ".join(dump.path.name for dump in served)
    raise DumpError(f"several focus dumps for {what}: {names}; name the recipe that made one of them with --recipe")
