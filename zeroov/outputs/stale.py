"""Remove the files of an older answer, so that they never stand beside a newer one as if they belonged to it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from zeroov.errors import first_few
from zeroov.files import atomic

log = logging.getLogger("zeroov")


def listed(result: Path, source: str) -> list[str]:
    """Return the files of formats that an older result.json lists, relative to its folder.

    What is named after another image than `source` is that image's answer, and left out.
    """
    try:
        report = json.loads(result.read_bytes())
        folder = PurePath(report["files"]["result"]).parent  # as the older command called it
        names = [PurePath(text).relative_to(folder) for text in report["files"]["formats"]]
        older = PurePath(report["source"])
    except (OSError, ValueError, KeyError, TypeError):  # no answer, or not one that zeroov wrote
        return []
    other = older.name != PurePath(source).name
    return [str(name) for name in names if not (other and name.name.startswith(f"{older.stem}."))]


def remove_older(folder: Path, names: Iterable[str], written: Path, keep: Sequence[str] = ()) -> list[Path]:
    """Remove files by their names in a folder, with what lies beside them; return those that were there.

    A file that was changed after `written`, the list that names it, is the user's by now: it stays, with a warning. So
    does what is named in `keep`.
    """
    kept = {Path(path).resolve() for path in keep}
    removed: list[Path] = []
    for name in map(PurePath, names):
        path = folder / name
        if name.is_absolute() or ".." in name.parts or not path.is_file() or path.resolve() in kept:
            continue
        if path.stat().st_mtime_ns > written.stat().st_mtime_ns:
            log.warning("`%s` belongs to an older answer, but was changed since; it stays", path)
            continue
        atomic.remove(path)
        removed.append(path)
        with contextlib.suppress(OSError):  # a folder that still holds something
            for parent in list(path.parents)[: len(name.parts) - 1]:
                parent.rmdir()
    return removed


def update_list(
    path: Path, written: Mapping[str, Sequence[Path]], unwritten: Collection[str], images: Mapping[str, str]
) -> dict[str, list[Path]]:
    """Bring a batch's list of its files up to date; remove those in its folder that are of older answers.

    `written` are the files that each format has now, and `images` the content of each image in them, by its place. An
    older file of these formats goes where all of its format's images are among them, or were moved and are among them
    by their content: it has another name now. The files of another format all stay, as long as none of the images in
    them was replaced; so do those of formats that are `unwritten`, because writing them failed. Return what was
    removed, by the reason.
    """
    folder, entries = path.parent, _entries(path)
    removed: dict[str, list[Path]] = {}
    for name, (files, held) in list(entries.items()):
        replaced = [place for place, content in held.items() if images.get(place, content) != content]
        if name in written:
            going = {place: content for place, content in held.items() if place not in images}
            if set(going.values()) <= set(images.values()) and not any(map(os.path.exists, going)):
                reason = f"format {name} does not write them any more"
                removed[reason] = remove_older(folder, sorted(set(files) - _names(folder, written[name])), path)
                del entries[name]
        elif name not in unwritten and replaced:
            changed = first_few([PurePath(place).name for place in replaced])
            reason = f"{changed} changed since format {name} was written; with --format {name} it is written again"
            removed[reason] = remove_older(folder, files, path)
            del entries[name]
    for name, paths in written.items():
        files, held = entries.get(name, ([], {}))
        entries[name] = sorted({*files, *_names(folder, paths)}), {**held, **images}
    atomic.write_json(path, {name: {"files": files, "images": held} for name, (files, held) in entries.items()})
    return {reason: paths for reason, paths in removed.items() if paths}


def _entries(path: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return each format's files and images of a batch's list; nothing where it cannot be read."""
    try:
        entries = json.loads(path.read_bytes())
        return {str(name): (list(entry["files"]), dict(entry["images"])) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _names(folder: Path, paths: Iterable[Path]) -> set[str]:
    return {str(path.relative_to(folder)) for path in paths if path.is_relative_to(folder)}
