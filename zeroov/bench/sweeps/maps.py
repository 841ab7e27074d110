"""Where the maps of a question lie: dumps in some folders, by their key, their picture and their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePath

from zeroov.bench.runs.records import Record, Run
from zeroov.dumps import Dump, DumpStore, differing, fitting, focus_index, overview_settings
from zeroov.errors import UsageError
from zeroov.recipe import Recipe
from zeroov.types import clean_expression


def folders_of(source: Path, run: Run) -> list[Path]:
    """Return the folders of a run's dumps: those that its manifest names, and its own, since it may have moved."""
    folders = [Path(folder) for folder in run.manifest.get("dumps", [])]
    return [*folders, source / "dumps"] if (source / "dumps").is_dir() else folders


class Maps:
    """Folders of dumps. Headers are read when they are first asked for; maps of closer looks are left out."""

    def __init__(self, folders: Sequence[Path]):
        self.folders = tuple(folders)
        self._stores = [DumpStore(folder) for folder in folders]

    def __str__(self) -> str:
        return ", ".join(f"`{folder}`" for folder in self.folders)

    def path(self, stage: str, key: str) -> Path | None:
        """Return the file of a key, or of the quantised copy of a Focus map."""
        files = (store.path(stage, key) for store in self._stores if key)
        found = next((file for file in files if file.exists()), None)
        copy = self.focus(key) if found is None and key and stage == "focus" else None
        return copy.path if copy else found

    @cached_property
    def overviews(self) -> dict[str, Dump]:
        """The headers of the Overview dumps by their keys."""
        dumps = (dump for store in self._stores for dump in store.all("overview", headers_only=True))
        return {dump.key: dump for dump in dumps if not dump.about["picture"].get("window")}

    def overview(self, record: Record, recipe: Recipe) -> Dump | None:
        """Return the Overview dump that a record names, else that of its image and expression.

        Of several, the one that the recipe makes, else the one with the most layers.
        """
        if named := self.overviews.get(record.dumps.get("overview", "")):
            return named
        found = self._by_words(record)
        wanted = overview_settings(recipe.overview, "", "")
        found = [dump for dump in found if not differing(dump.about["settings"], wanted)] or found
        most = max((len(dump.about["layer_numbers"]) for dump in found), default=0)
        found = [dump for dump in found if len(dump.about["layer_numbers"]) == most]
        if len(found) > 1:
            names = ", ".join(dump.path.name for dump in found)
            raise UsageError(f"{record.id}: several overview dumps: {names}; --recipe NAME says which")
        return found[0] if found else None

    def focus(self, key: str) -> Dump | None:
        """Return the Focus dump of a key, or its quantised copy."""
        return self._focuses_by_key.get(key)

    def focuses(self, overview: Dump) -> list[Dump]:
        """Return the Focus dumps that serve an Overview dump."""
        return fitting(overview, self._focuses_by_picture.get(overview.about["picture"]["digest"], []))

    def _by_words(self, record: Record) -> list[Dump]:
        parts = PurePath(record.image).parts
        expression = clean_expression(record.expression)
        found = self._by_name.get((record.image, expression)) or [
            dump
            for dump in self._by_name.get((parts[-1] if parts else "", expression), [])
            if PurePath(dump.about["picture"]["source"]).parts[-len(parts) :] == parts
        ]
        if len({dump.about["picture"]["digest"] for dump in found}) > 1:
            raise UsageError(
                f"{record.id}: dumps of several pictures are named `{record.image}`; give more of its path, "
                "or the picture's digest"
            )
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Dump]]:
        found: dict[tuple[str, str], list[Dump]] = defaultdict(list)
        for dump in self.overviews.values():
            picture = dump.about["picture"]
            for name in (picture["digest"], PurePath(picture["source"]).name):
                found[name, dump.about["expression"]].append(dump)
        return found

    @cached_property
    def _focuses_by_picture(self) -> dict[str, list[Dump]]:
        found: dict[str, list[Dump]] = defaultdict(list)
        for store in self._stores:
            for digest, dumps in focus_index(store).items():
                known = {dump.key for dump in found[digest]}
                found[digest] += [dump for dump in dumps if dump.key not in known]
        return found

    @cached_property
    def _focuses_by_key(self) -> dict[str, Dump]:
        dumps = [dump for of_picture in self._focuses_by_picture.values() for dump in of_picture]
        copies = {dump.about["quantised"]["made_from"]: dump for dump in dumps if "quantised" in dump.about}
        return copies | {dump.key: dump for dump in dumps}
