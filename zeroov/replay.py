"""Evolve again from dumps: no model, no picture, no torch."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from zeroov.dumps import Dump, DumpStore, focus_settings, read_dump
from zeroov.dumps.values import to_affinity, to_overview, write_evolved
from zeroov.errors import DumpError
from zeroov.evolve import evolve
from zeroov.overview.combine import combine, select
from zeroov.recipe import Recipe
from zeroov.types import Evolved

log = logging.getLogger("zeroov")


def replay(maps: DumpStore, out: DumpStore, recipe: Recipe) -> Iterator[tuple[Dump, Evolved, str]]:
    """Evolve every Overview dump in `maps` with the Focus dump of its picture; yield it, the result and its file name.

    The results are written to `out` as they come.
    """
    focuses: dict[str, list[Dump]] = defaultdict(list)
    for focus in maps.all("focus", headers_only=True):
        focuses[focus.about["picture"]["digest"]].append(focus)
    found = False
    for dump in maps.all("overview"):
        found = True
        overview = to_overview(dump)
        partner = None
        if "focus" in recipe.stages:
            partner = read_dump(_partner(dump, focuses[dump.about["picture"]["digest"]], recipe).path)
        try:
            layers = select(overview.layers, overview.layer_numbers, recipe.overview.layers)
        except ValueError as error:
            raise DumpError(
                f"`{dump.path}`: {error}; set overview.layers and overview.weights to captured ones, "
                'or capture anew with --set overview.capture="all"'
            ) from error
        rows, cols = dump.about["picture"]["hw"]
        grid = recipe.focus.working_grid
        value = evolve(
            combine(layers, recipe.overview.weights),
            to_affinity(partner) if partner else None,
            (rows, cols),
            recipe.evolve,
            grid_hw=(grid, grid),
            growing="evolve" in recipe.stages,
        )
        sample = {"picture": dump.about["picture"], "expression": dump.about["expression"]}
        path = write_evolved(out, sample, recipe, dump.key, partner.key if partner else "", value)
        yield dump, value, path.name
    if not found:
        raise DumpError(
            f"`{maps.folder}` holds no overview dumps; make some with `zeroov overview IMAGE TEXT --out DIR`"
        )


def _differing(dump: Dump, wanted: Mapping[str, Any]) -> list[str]:
    """Return in which settings a Focus dump differs from what a recipe wants; the machine's own are left out."""
    made = dump.about["settings"]
    names = sorted((made.keys() | wanted.keys()) - {"revision", "dtype"})
    return [f"focus.{name} = {made.get(name)!r}" for name in names if made.get(name) != wanted.get(name)]


def _partner(overview: Dump, focuses: list[Dump], recipe: Recipe) -> Dump:
    """Return the one of a picture's Focus dumps that belongs to an Overview dump, if need be the recipe's own."""
    picture, expression = overview.about["picture"], overview.about["expression"]
    fitting = [
        dump
        for dump in focuses
        if ("{expression}" not in dump.about["settings"]["prompt"] or dump.about["expression"] == expression)
    ]
    wanted = focus_settings(recipe.focus, "", "")
    fitting = [dump for dump in fitting if not _differing(dump, wanted)] or fitting
    if len(fitting) == 1:
        if differing := _differing(fitting[0], wanted):
            log.warning(
                "`%s` was not made as recipe `%s` says (%s); it is used as it is",
                fitting[0].path.name,
                recipe.name,
                ", ".join(differing),
            )
        return fitting[0]
    what = f'`{picture["source"]}`, "{expression}"'
    if not fitting:
        raise DumpError(
            f"no focus dump for {what}; make it with `zeroov focus IMAGE TEXT --out DIR` "
            'or leave Focus out with --set stages=["overview","evolve"]'
        )
    names = ", ".join(dump.path.name for dump in fitting)
    raise DumpError(f"several focus dumps for {what}: {names}; name the recipe that made one of them with --recipe")
