"""Remove the files of an older answer, so that they never stand beside a newer one as if they belonged to it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from zeroov.files import atomic
from zeroov.raster import web

log = logging.getLogger("zeroov")

OWN = ("result.json", "mask.png", "overlay.png", "panel.png")  # result.json is written last


def forget(folder: Path, source: str, prefix: str = "") -> list[Path]:
    """Remove an older answer's files before one about the image `source` is written; return those of formats.

    They are the files with zeroov's own names and those that the older result.json lists. The image itself stays.
    """
    result = folder / f"{prefix}result.json"
    names = listed(result, source)
    removed = remove_older(folder, dict.fromkeys(names, result.stat().st_mtime_ns) if names else {}, keep=[source])
    for name in OWN:
        (folder / f"{prefix}{name}").unlink(missing_ok=True)
    return removed


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


def remove_older(folder: Path, names: Mapping[str, int], keep: Collection[str | Path] = ()) -> list[Path]:
    """Remove files by their names in a folder, with what lies beside them; return those that were there.

    `names` holds for each file the time after which zeroov did not change it, in nanoseconds. What was changed later is
    the user's by now: it stays, with a warning. So does what is named in `keep`.
    """
    kept = {Path(path).resolve() for path in keep}
    removed: list[Path] = []
    for name, latest in ((PurePath(text), time) for text, time in names.items()):
        path = folder / name
        if name.is_absolute() or ".." in name.parts or not path.is_file() or path.resolve() in kept:
            continue
        if path.stat().st_mtime_ns > latest:
            log.warning("`%s` belongs to an older answer, but was changed since; it stays", path)
            continue
        atomic.remove(path)
        removed.append(path)
        with contextlib.suppress(OSError):  # a folder that still holds something
            for parent in list(path.parents)[: len(name.parts) - 1]:
                parent.rmdir()
    return removed


@dataclass(frozen=True)
class Written:
    """What a batch's list holds of a format: its files, the content of each image in them, and how it was decided.

    `files` holds for each file, named from the list's folder, the place of the image that it is of, "" where it is of
    no single one, and the time of its last change in nanoseconds. `images` are contents by place.
    """

    files: Mapping[str, tuple[str, int]]
    images: Mapping[str, str]
    decided: Any

    @classmethod
    def now(cls, folder: Path, files: Mapping[Path, str], images: Mapping[str, str], decided: Any) -> Written:
        """Look at files that were just written; those outside of the folder are left out."""
        inside = {path: place for path, place in files.items() if path.is_relative_to(folder)}
        of = {str(path.relative_to(folder)): (place, path.stat().st_mtime_ns) for path, place in inside.items()}
        return cls(of, images, decided)

    def without(self, names: Collection[str]) -> Written:
        """Leave out files, and where each file is of one image, the images of which none is left."""
        files = {name: file for name, file in self.files.items() if name not in names}
        left = {place for place, _ in files.values() if place} if self.one_each else set(self.images)
        if not files or not left:
            return Written({}, {}, self.decided)
        images = {place: content for place, content in self.images.items() if place in left}
        return Written(files, images, self.decided)

    @property
    def one_each(self) -> bool:
        """Whether the answers are in files of one image each; the others then hold classes alone."""
        return any(place for place, _ in self.files.values())

    def of_lost(self, lost: Collection[str]) -> set[str]:
        """Return the files that hold an answer about a lost image."""
        if self.one_each:
            return {name for name, (place, _) in self.files.items() if place in lost}
        return set(self.files) if any(place in lost for place in self.images) else set()


@dataclass(frozen=True)
class Tidied:
    """What was done about a batch's older files.

    `lost` were removed with the images that they are of, which were replaced or are gone; `older` because they are of
    an older decision, or have another name now. `earlier` are formats that stay as they were decided earlier.
    """

    lost: tuple[Path, ...] = ()
    older: tuple[Path, ...] = ()
    earlier: tuple[str, ...] = ()


def update_list(
    path: Path,
    written: Mapping[str, Mapping[Path, str]],
    unwritten: Collection[str],
    *,
    asked: Mapping[str, str],
    answered: Collection[str],
    decided: Any,
) -> Tidied:
    """Bring a batch's list of its files up to date, and remove the files of older answers that it names.

    `written` holds the files that each format has now, and of each the place of the image that it is of, "" where it is
    of no single one. `asked` holds the content of each image by its place, `answered` the places in the formats now,
    and `decided`, plain values, how it was decided what is shown.

    An image is lost where its place holds something else now, or where it is not asked and lies nowhere any more. Its
    files go, those of formats that are not written now too. Of a format that is written now every older file goes but
    those of images that are not asked, are still there, and were decided as now. A format that is not written now stays
    otherwise; so do the files of those that are `unwritten`, because writing them failed.
    """
    folder, entries = path.parent, _entries(path)
    contents = set(asked.values())
    images = {place: asked[place] for place in answered}

    def is_lost(place: str, content: str) -> bool:
        return asked[place] != content if place in asked else content not in contents and _is_gone(place)

    now = {name: Written.now(folder, files, images, decided) for name, files in written.items()}
    keep = [folder / file for each in now.values() for file in each.files]
    lost: list[Path] = []
    older: list[Path] = []
    earlier: list[str] = []
    for name, entry in entries.items():
        if name in unwritten:
            continue
        of_lost = entry.of_lost({place for place, content in entry.images.items() if is_lost(place, content)})
        going = of_lost
        if name in now:
            stays = {
                file
                for file, (place, _) in entry.files.items()
                if place and place not in asked and entry.decided == decided and not _is_gone(place)
            }
            going = set(entry.files) - stays
        left = entry.without(going)
        going = set(entry.files) - set(left.files)
        lost += remove_older(folder, _times(entry, going & of_lost), keep)
        older += remove_older(folder, _times(entry, going - of_lost), keep)
        if name in now:
            of = now[name]
            now[name] = Written({**left.files, **of.files}, {**left.images, **of.images}, decided)
        elif left.files:
            now[name] = left
            if entry.decided != decided or not images.items() <= left.images.items():
                earlier.append(name)
    kept = {name: entry for name, entry in entries.items() if name in unwritten}
    atomic.write_json(path, {name: asdict(entry) for name, entry in {**kept, **now}.items()})
    return Tidied(tuple(lost), tuple(older), tuple(sorted(earlier)))


def _times(entry: Written, names: Collection[str]) -> dict[str, int]:
    return {name: entry.files[name][1] for name in sorted(names)}


def _is_gone(place: str) -> bool:
    """Return whether there is no such file; of one that cannot be looked for, as on the web, nobody knows."""
    if web.is_address(place):
        return False
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _entries(path: Path) -> dict[str, Written]:
    """Return what a batch's list says of each format; nothing where it cannot be read."""
    try:
        entries = json.loads(path.read_bytes())
        return {str(name): _written_of(entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _written_of(entry: Mapping[str, Any]) -> Written:
    files = {str(name): (str(place), int(time)) for name, (place, time) in entry["files"].items()}
    return Written(files, {str(place): str(content) for place, content in entry["images"].items()}, entry["decided"])
