"""What a run's manifest says of how it was made, in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zeroov import recipe as recipes

SHOWN = 4  # keys in which a run differs from its recipe


def about(manifest: Mapping[str, Any]) -> str:
    """Return what a manifest says of benchmark, split and recipe, and what differs from that recipe, in a few words."""
    facts = {**made_with(manifest), **manifest}
    values = (facts.get(key) for key in ("benchmark", "split", "recipe"))
    differing = [f"{key} = {_short(value)}" for key, value in changes(manifest).items()]
    more = len(differing) - SHOWN
    shown = [*differing[:SHOWN], *([f"{more} more keys differ"] if more > 0 else [])]
    return ", ".join([*(value for value in values if isinstance(value, str) and value), *shown])


def limited_from(manifest: Mapping[str, Any]) -> int | None:
    """Return how many samples the split of a run with `--limit` has; `None` of another run, and of an older one."""
    whole, taken = manifest.get("split_samples"), made_with(manifest).get("samples")
    return whole if isinstance(whole, int) and isinstance(taken, int) and taken < whole else None


def of_split(whole: int | None) -> str:
    """Return what follows a number of samples, where they are the first ones of `whole`."""
    return "" if whole is None else f" of {whole:,} (--limit)"


def changes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys in which a run differs from the recipe it names, with the run's values.

    An older run does not record them; then it is what differs from the recipe of that name which zeroov ships.
    """
    recorded, name = manifest.get("changes"), manifest.get("recipe")
    if isinstance(recorded, Mapping):
        return dict(recorded)
    return recipes.changed(made_with(manifest), recipes.load(name)) if name in recipes.names() else {}


def made_with(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a manifest says that decides a run's records; nothing where it does not say it."""
    made = manifest.get("made_with")
    return made if isinstance(made, Mapping) else {}


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
