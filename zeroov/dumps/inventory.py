"""What a folder holds: dumps by stage and settings, orphans, what cannot be read, leftovers of interrupted writes.

Ours are files with the names that zeroov gives; everything else in the folder is counted and never touched.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroov.dumps.about import STAGES
from zeroov.dumps.key import (
    differing,
    evolve_settings,
    focus_settings,
    listing_settings,
    overview_settings,
    pool_settings,
    settings_digest,
    weighed_settings,
)
from zeroov.dumps.store import SUFFIX, Dump, read_dump
from zeroov.dumps.values import to_affinity, to_evolved, to_listing, to_overview, to_pool, to_shares
from zeroov.errors import DumpError, OutputError
from zeroov.recipe import Recipe

DUMP_NAME = re.compile(rf"(?P<key>[0-9a-f]{{32}})\.(?P<stage>{'|'.join(STAGES)}){re.escape(SUFFIX)}")
LEFTOVER_NAME = re.compile(r"\.zeroov-[0-9a-f]{32}\.tmp")
SETTLED = 3600  # seconds after which no running command can still be writing a temporary file
TO_VALUE: Mapping[str, Callable[[Dump], object]] = {
    "overview": to_overview,
    "focus": to_affinity,
    "evolve": to_evolved,
    "listing": to_listing,
    "weighed": to_shares,
    "candidates": to_pool,
}


@dataclass(frozen=True, eq=False)
class Entry:
    """One file of zeroov: a dump with its header, or with what is wrong with it, or a leftover, which has neither.

    `seconds` is its age.
    """

    path: Path
    stage: str
    bytes: int
    seconds: float
    dump: Dump | None
    fault: str = ""

    @property
    def settings(self) -> str:
        """The digest that dumps made alike share; empty where the settings cannot be read."""
        return settings_digest(self.stage, self.dump.about["settings"]) if self.dump else ""


@dataclass(frozen=True, eq=False)
class Inventory:
    """Everything in a folder; `others` is the number of files and folders that are not zeroov's."""

    folder: Path
    entries: tuple[Entry, ...]
    leftovers: tuple[Entry, ...]
    others: int

    @property
    def readable(self) -> list[Entry]:
        """The dumps with a header that can be read."""
        return [entry for entry in self.entries if entry.dump]

    @property
    def damaged(self) -> list[Entry]:
        """The dumps that cannot be read."""
        return [entry for entry in self.entries if entry.fault]

    @property
    def orphans(self) -> list[Entry]:
        """Evolve dumps whose Overview dump is not in the folder."""
        kept = {entry.dump.key for entry in self.readable if entry.dump and entry.stage == "overview"}
        return [
            entry
            for entry in self.readable
            if entry.stage == "evolve" and entry.dump and entry.dump.about["settings"]["overview"] not in kept
        ]


def take_inventory(
    folder: Path, *, thorough: bool = False, progress: Callable[[int, int], None] | None = None
) -> Inventory:
    """Look at every file of a folder: its header, or with `thorough` its checksum and whether its arrays make a value.

    `progress` gets (files done, files in all).
    """
    if not folder.is_dir():
        raise DumpError(
            f"`{folder}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`, "
            "`zeroov overview` or `zeroov focus`"
        )
    now = time.time()
    entries: list[Entry] = []
    leftovers: list[Entry] = []
    others = 0
    paths = sorted(folder.iterdir())
    for done, path in enumerate(paths):
        if progress:
            progress(done, len(paths))
        name, temporary = DUMP_NAME.fullmatch(path.name), LEFTOVER_NAME.fullmatch(path.name)
        if not (name or temporary) or path.is_symlink() or not path.is_file():
            others += 1
            continue
        try:
            size, seconds = path.stat().st_size, now - path.stat().st_mtime
        except FileNotFoundError:  # a running command has just finished or removed it
            continue
        if not name:
            leftovers.append(Entry(path, "", size, seconds, None))
            continue
        try:
            dump = _checked(path, thorough)
            entries.append(Entry(path, name["stage"], size, seconds, dump))
        except DumpError as error:
            entries.append(Entry(path, name["stage"], size, seconds, None, str(error)))
    return Inventory(folder, tuple(entries), tuple(leftovers), others)


def _checked(path: Path, thorough: bool) -> Dump:
    """Return a dump's header; `DumpError` when it is not what the file's name says, or not whole."""
    dump = read_dump(path, headers_only=not thorough)
    if thorough:
        TO_VALUE[dump.stage](dump)
    return replace(dump, arrays={})


def groups(inventory: Inventory) -> dict[tuple[str, str], list[Entry]]:
    """Return the readable dumps by (stage, digest of their settings), the stages in order, largest groups first."""
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in inventory.readable:
        found[entry.stage, entry.settings].append(entry)
    order = sorted(found, key=lambda group: (STAGES.index(group[0]), -len(found[group]), group[1]))
    return {group: found[group] for group in order}


def used_by(dump: Dump, recipe: Recipe) -> bool:
    """Return whether a recipe would make, or take for its own, such a dump; device and dtype are left out."""
    made: dict[str, Any] = {name: value for name, value in dump.about["settings"].items() if name != "kept"}
    if dump.stage == "overview":
        return not differing(made, overview_settings(recipe.overview, "", ""))
    if dump.stage == "focus":
        return "focus" in recipe.stages and not differing(made, focus_settings(recipe.focus, "", ""))
    if dump.stage in ("listing", "weighed"):
        wanted = listing_settings(recipe, made.get("by", "")) if dump.stage == "listing" else weighed_settings(recipe)
        return "select" in recipe.stages and not differing(made, wanted)
    if dump.stage == "candidates":
        return "select" in recipe.stages and not differing(made, pool_settings(recipe, made))
    wanted = evolve_settings(recipe.evolve, recipe.overview, made["overview"], made["focus"])
    own = {"growing": "evolve" in recipe.stages, "grid_hw": made.get("grid_hw")}
    return not differing(made, wanted | own)


def remove(entries: Iterable[Entry]) -> int:
    """Remove zeroov's files and return the bytes freed; one that is gone already frees none."""
    freed = 0
    for entry in entries:
        try:
            entry.path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(
                f"`{entry.path}` cannot be removed ({error.strerror}) after {freed} bytes were freed; "
                "make its folder writable"
            ) from error
        freed += entry.bytes
    return freed
