"""Evolve again from dumps: no model, no picture, no torch."""

from __future__ import annotations

from collections.abc import Iterator

from zeroov.dumps import Dump, DumpStore, focus_settings
from zeroov.dumps.values import to_affinity, to_overview, write_evolved
from zeroov.errors import DumpError
from zeroov.evolve import evolve
from zeroov.overview.combine import combine, select
from zeroov.recipe import Recipe
from zeroov.types import Evolved


def replay(maps: DumpStore, out: DumpStore, recipe: Recipe) -> Iterator[tuple[Dump, Evolved, str]]:
    """Evolve every Overview dump in `maps` with the Focus dump of its picture; yield it, the result and its file name.

    The results are written to `out` as they come.
    """
    focuses = list(maps.all("focus")) if "focus" in recipe.stages else []
    found = False
    for dump in maps.all("overview"):
        found = True
        overview = to_overview(dump)
        partner = _partner(dump, focuses, recipe) if "focus" in recipe.stages else None
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


def _partner(overview: Dump, focuses: list[Dump], recipe: Recipe) -> Dump:
    """Return the one Focus dump that belongs to an Overview dump, preferring the one made as the recipe says."""
    picture, expression = overview.about["picture"], overview.about["expression"]
    fitting = [
        dump
        for dump in focuses
        if dump.about["picture"]["digest"] == picture["digest"]
        and ("{expression}" not in dump.about["settings"]["prompt"] or dump.about["expression"] == expression)
    ]
    if len(fitting) > 1:
        wanted = focus_settings(recipe.focus, "", "")
        same = [d for d in fitting if {**d.about["settings"], "revision": "", "dtype": ""} == wanted]
        fitting = same or fitting
    if len(fitting) == 1:
        return fitting[0]
    what = f'`{picture["source"]}`, "{expression}"'
    if not fitting:
        raise DumpError(
            f"no focus dump for {what}; make it with `zeroov focus IMAGE TEXT --out DIR` "
            'or leave Focus out with --set stages=["overview","evolve"]'
        )
    names = ", ".join(dump.path.name for dump in fitting)
    raise DumpError(f"several focus dumps for {what}: {names}; name the recipe that made one of them with --recipe")
