"""Sweep many settings over a run's dumps: no model, no pictures, no torch.

What is cut is the answer before Refine, which needs a model. The samples that count are those that `score` counts under
the same protocol: where it counts failed ones, these are misses under every setting.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.about import made_with
from zeroov.bench.scoring.metrics import Floats
from zeroov.bench.scoring.overlaps import counted
from zeroov.bench.scoring.protocols import Protocol
from zeroov.bench.scoring.score import why_nothing
from zeroov.bench.sweeps.choices import measure_choices
from zeroov.bench.sweeps.cut import Case, measure
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.settings import CHOICES, Grid, Setting, choices_of, settings_of
from zeroov.dumps import differing, focus_settings, settings_digest
from zeroov.errors import DumpError, UsageError
from zeroov.pipeline.attention import refuse_pyramid
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe, deciding, from_dict
from zeroov.types import Bool

log = logging.getLogger("zeroov")


@dataclass(frozen=True, eq=False)
class Swept:
    """What every setting made of every record.

    `boxes` (settings, records, 4) are tight boxes of the cut masks in pixels, NaN where nothing was cut; `pairs`
    (settings, records, 2) their masks' intersections and unions with the truth, in the protocol's frame; `peaks`
    (settings, records, 4) the points (x, y) of A_C and of the fused map. `own` is the place of the run's own setting.
    `focus` holds the Focus settings that were compared, by the digests that `zeroov dumps ls` shows.
    """

    settings: Sequence[Setting]
    records: Sequence[Record]
    boxes: Floats
    pairs: Floats
    peaks: Floats
    own: int | None
    focus: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Group:
    """Focus dumps that were made alike: their settings, and the files by the ids of the records that they serve."""

    settings: Mapping[str, Any]
    files: dict[str, Path]


def recipe_of(run: Run) -> Recipe:
    """Return the recipe that a run's manifest names, key by key."""
    nested: dict[str, Any] = {}
    for key, value in deciding(made_with(run.manifest)).items():
        section, _, name = key.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[name] = value
    if not nested:
        raise UsageError(f"run `{run.name}` has no manifest that names its recipe; finish it with `zeroov bench run`")
    return from_dict(nested)


def sweep(
    run: Run,
    maps: Maps,
    grid: Grid,
    protocol: Protocol,
    *,
    jobs: int = 0,
    lost_are_missed: bool = True,
    progress: Progress = SILENT,
) -> Swept:
    """Cut the masks of every combination of `grid` on a run, whose dumps lie in `maps`.

    `jobs` processes; 0: as many as the work is worth. Samples whose dumps are lost or damaged count as missed, or are
    left out of all settings.
    """
    recipe = recipe_of(run)
    chooses = grid.keys() <= set(CHOICES)
    if chooses and "select" not in recipe.stages:
        raise UsageError(f"run `{run.name}` chooses among no candidates; its recipe `{recipe.name}` lacks `select`")
    if not chooses:
        refuse_pyramid(recipe.overview, "an ablation")
    if recipe.zoom.rounds:
        log.warning(
            "run `%s` looks closer (zoom.rounds = %d); its first looks are scored", run.name, recipe.zoom.rounds
        )
    counts = (*counted(run.records, protocol, "box"), *counted(run.records, protocol, "mask"))
    records = [run.records[place] for place in sorted({place for place, _ in counts})]
    if not records:
        raise UsageError(why_nothing(run, protocol, "coarse"))
    if chooses:
        settings = choices_of(recipe, grid)
        boxes, pairs, peaks, lost = measure_choices(records, maps, settings, protocol.mask, progress)
        kept = _kept(records, lost, run, maps, lost_are_missed)
        own = next((place for place, each in enumerate(settings) if each.recipe == recipe), None)
        return Swept(settings, [records[at] for at in kept], boxes[:, kept], pairs[:, kept], peaks[:, kept], own, {})
    groups = _focus_groups(records, maps) if "focus" in grid else {}
    layers = _captured(records, maps) if {"each", "all"} & set(map(str, grid.get("overview.layers", ()))) else []
    settings = settings_of(recipe, grid, layers, sorted(groups))
    cases = _cases(records, maps, settings, groups)
    boxes, pairs, peaks, lost = measure(cases, settings, protocol.mask, jobs, progress)
    kept = _kept([case.record for case in cases], lost, run, maps, lost_are_missed)
    own = _own(settings, recipe, groups)
    records = [cases[place].record for place in kept]
    compared = {setting.focus: groups[setting.focus].settings for setting in settings if setting.focus}
    return Swept(settings, records, boxes[:, kept], pairs[:, kept], peaks[:, kept], own, compared)


def _kept(records: Sequence[Record], lost: Bool, run: Run, maps: Maps, lost_are_missed: bool) -> NDArray[np.intp]:
    """Return the places of the records that are scored; an error where all of them have lost their dumps."""
    if lost.any() and all(lost[place] or record.status == "failed" for place, record in enumerate(records)):
        raise DumpError(
            f"none of the dumps of run `{run.name}` can be read in {maps}; --dumps names other folders, and "
            "`zeroov dumps verify DIR` the damaged files"
        )
    if lost.any():
        outcome = "they count as missed" if lost_are_missed else "they are left out"
        log.warning("%d samples that did not fail have lost their dumps; %s", lost.sum(), outcome)
    return np.flatnonzero(~lost) if not lost_are_missed else np.arange(len(records))


def _captured(records: Sequence[Record], maps: Maps) -> list[int]:
    """Return the layers that all the Overview dumps hold."""
    looks = [maps.overviews[key] for record in records if (key := record.dumps.get("overview")) in maps.overviews]
    common = set.intersection(*(set(look.about["layer_numbers"]) for look in looks)) if looks else set()
    if not common:
        raise UsageError(f"the overview dumps in {maps} have no layer in common; name layers instead of each and all")
    return sorted(common)


def _focus_groups(records: Sequence[Record], maps: Maps) -> dict[str, Group]:
    """Return the groups by the digest of their settings."""
    groups: dict[str, Group] = {}
    for record in records:
        if look := maps.overviews.get(record.dumps.get("overview", "")):
            for dump in maps.focuses(look):
                made = dump.about["settings"]
                groups.setdefault(settings_digest("focus", made), Group(made, {})).files[record.id] = dump.path
    return groups


def _cases(
    records: Sequence[Record], maps: Maps, settings: Sequence[Setting], groups: Mapping[str, Group]
) -> list[Case]:
    """Return the records with their maps, where Focus settings are compared those alone that have all of them."""
    wanted = {setting.focus for setting in settings if "focus" in setting.recipe.stages}
    chosen = sorted(wanted - {""})
    if unknown := [digest for digest in chosen if digest not in groups]:
        raise UsageError(f"no focus dump has the settings `{unknown[0]}`; these are here: {', '.join(sorted(groups))}")
    asked = [record for record in records if record.status != "failed"]
    paired = [record for record in asked if all(record.id in groups[digest].files for digest in chosen)]
    if asked and not paired:
        sizes = ", ".join(f"{digest}: {len(groups[digest].files)}" for digest in chosen)
        raise UsageError(f"no sample has focus dumps of all these settings ({sizes}); choose: --grid focus=A,B")
    if len(paired) < len(asked):
        log.warning("compared over the %d of %d samples that have dumps of all settings", len(paired), len(asked))
    left_out = {record.id for record in asked} - {record.id for record in paired}
    cases = []
    for record in records:
        if record.id not in left_out:
            focuses = {digest: groups[digest].files.get(record.id) for digest in chosen}
            if "" in wanted:
                focuses[""] = maps.path("focus", record.dumps.get("focus", ""))
            cases.append(Case(record, maps.path("overview", record.dumps.get("overview", "")), focuses))
    return cases


def _own(settings: Sequence[Setting], recipe: Recipe, groups: Mapping[str, Group]) -> int | None:
    """Return the place of the setting that is the recipe's own but for Refine, if it is there."""
    coarse = recipe.with_values({"stages": [stage for stage in recipe.stages if stage != "refine"]})
    focus = focus_settings(recipe.focus, "", "")
    for place, setting in enumerate(settings):
        group = groups.get(setting.focus)
        if setting.recipe == coarse and (group is None or not differing(group.settings, focus)):
            return place
    return None
