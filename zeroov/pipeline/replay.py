"""Evolve and choose again from dumps: no model, no picture, no torch."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping

from zeroov.candidates.choose import choose
from zeroov.dumps import Dump, DumpStore, focus_index, overview_settings, partner, read_dump
from zeroov.dumps.values import to_affinity, to_overview, to_pool, write_evolved
from zeroov.errors import DumpError
from zeroov.language.phrase import parse
from zeroov.pipeline.attention import cross_of, evolve_as, refuse_pyramid
from zeroov.recipe import Recipe
from zeroov.types import Evolved, Selection

log = logging.getLogger("zeroov")


def replay(maps: DumpStore, out: DumpStore, recipe: Recipe) -> Iterator[tuple[Dump, Evolved, str]]:
    """Evolve every Overview dump in `maps` with the Focus dump of its picture; yield it, the result and its file name.

    The results are written to `out` as they come. A sample that cannot be evolved costs itself alone: it is reported,
    and an error follows the last sample.
    """
    refuse_pyramid(recipe.overview, "a folder of dumps")
    focuses = focus_index(maps)
    samples = parts = 0
    errors: list[DumpError] = []
    for dump in maps.all("overview"):
        if dump.about["picture"].get("window"):
            parts += 1
            continue  # a closer look, which depends on what the first one found, or a part of a searched scene
        samples += 1
        try:
            value, name = _evolved(dump, focuses, out, recipe)
        except DumpError as error:
            errors.append(error)
            continue
        yield dump, value, name
    if errors:
        if len(errors) == samples:
            raise errors[0]
        for each in errors:
            log.warning("not evolved: %s", each)
        raise DumpError(f"{len(errors)} of {samples} samples could not be evolved, first of all: {errors[0]}")
    if parts and not samples:
        raise DumpError(
            f"the overview dumps in `{maps.folder}` show parts of searched scenes alone, and a search has no map of "
            "the whole that could be evolved; make some of a picture with `zeroov overview IMAGE TEXT --out DIR` and "
            "`zeroov focus`, or search with other evolve settings: `zeroov ground IMAGE TEXT --dumps DIR`"
        )
    if not samples:
        raise DumpError(
            f"`{maps.folder}` holds no overview dumps; make some with `zeroov overview IMAGE TEXT --out DIR`"
        )


def _evolved(dump: Dump, focuses: Mapping[str, list[Dump]], out: DumpStore, recipe: Recipe) -> tuple[Evolved, str]:
    """Evolve one Overview dump, write the result to `out`, and return it and its file's name."""
    overview = to_overview(dump)
    focus = None
    if "focus" in recipe.stages:
        header, others = partner(dump, focuses.get(dump.about["picture"]["digest"], []), recipe)
        focus = read_dump(header.path)
        if others:
            log.warning(
                "`%s` was not made as recipe `%s` says (%s); it is used as it is",
                focus.path.name,
                recipe.name,
                ", ".join(others),
            )
    settings = dump.about["settings"]
    made_heads, heads = (
        json.dumps(each) for each in (settings.get("heads", 0), overview_settings(recipe.overview, "", "")["heads"])
    )
    if made_heads != heads:
        raise DumpError(
            f"`{dump.path}` was made with overview.heads = {made_heads}, and recipe {recipe.name} says {heads}; evolve "
            f"it with --set 'overview.heads={made_heads}', or make another one: `zeroov overview IMAGE TEXT --out DIR`"
        )
    made, wanted = settings.get("layers"), recipe.overview.layers
    if isinstance(wanted, str) and not recipe.overview.fixed_heads and made not in ("all", wanted):
        raise DumpError(
            f"`{dump.path}` holds the layers {made}, and overview.layers is {wanted}; name layers that were captured, "
            'or capture again with --set overview.capture="all"'
        )
    try:
        cross = cross_of(overview, recipe.overview, dump.about["expression"])
    except ValueError as error:
        raise DumpError(
            f"`{dump.path}`: {error}; set overview.layers and overview.weights to captured ones, "
            'or capture again with --set overview.capture="all"'
        ) from error
    rows, cols = dump.about["picture"]["hw"]
    value = evolve_as(recipe, cross, to_affinity(focus) if focus else None, (rows, cols))
    sample = {"picture": dump.about["picture"], "expression": dump.about["expression"]}
    path = write_evolved(out, sample, recipe, dump.key, focus.key if focus else "", value)
    return value, path.name


def reselect(maps: DumpStore, recipe: Recipe) -> Iterator[tuple[Dump, Selection]]:
    """Choose again among the candidates of every dump in `maps`, by the weights of a recipe.

    What was asked of the models stays what it was: another margin asks nothing new.
    """
    found = 0
    for dump in maps.all("candidates"):
        found += 1
        about = dump.about
        pool, phrase = to_pool(dump), parse(about["expression"])
        hw = about["picture"]["hw"]
        weights = recipe.select_in_scene if "search" in about["settings"] else recipe.select
        choice = choose(pool.candidates, phrase, (hw[0], hw[1]), pool.anchors, pool.extra, weights)
        yield dump, Selection(pool, choice)
    if not found:
        raise DumpError(
            f"`{maps.folder}` holds no candidates; make some with `zeroov ground IMAGE TEXT --recipe select "
            "--dumps DIR`"
        )
