"""Write masks, overlays and JSON. Nothing is ever half-written: a temporary file is synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from PIL import Image

from zeroov.errors import OutputError, PictureError
from zeroov.types import Bool, Box, Uint8

TINT_RGB = (255, 0, 144)  # a magenta that neither fields, water, roofs nor roads have
BOX_RGB = (255, 221, 0)
TINT_OPACITY = 0.4
SIDECARS = (".aux.xml", ".ovr", ".msk")  # of a raster: statistics, overviews, a mask
JOURNALS = ("-journal", "-wal", "-shm")  # of a GeoPackage: SQLite would play an old one back into a new file
Buffer = bytes | memoryview


def ensure_writable_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder with its parents and prove that a file can be made in it; return it."""
    folder = Path(path).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _temporary(folder)
        probe.touch(exist_ok=False)
        probe.unlink()
    except FileExistsError as error:
        raise OutputError(f"`{folder}` is a file, expected a folder to write to; name another") from error
    except OSError as error:
        raise OutputError(f"`{folder}` cannot be written to ({error.strerror}); name another folder") from error
    return folder


def refuse_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a folder where a file is to be written."""
    with contextlib.suppress(OSError):  # a name that is too long, say: writing the file will fail for the same reason
        if Path(path).is_dir():
            raise OutputError(
                f"`{path}` cannot be written: a folder of that name is in the way; move it or write elsewhere"
            )


def require_file(path: Path, *, may_be_empty: bool = False) -> None:
    """Refuse to call a file written that is not there, or is empty."""
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise cannot_write(path, error) from error
    if size is None or not (size or may_be_empty):
        reason = "it is not there" if size is None else "it is empty"
        raise OutputError(f"`{path}` was not written: {reason}; give the same command again, or write elsewhere")


def write_atomically(
    path: str | os.PathLike[str], data: Buffer, *, beside: Mapping[str, Buffer | None] = MappingProxyType({})
) -> None:
    """Write a whole file or none: to a temporary name beside it, synced, then renamed over it.

    `beside` holds what lies beside the file, by the ending after its name: what is written with it, or `None` for what
    belonged to the old file and goes with it.
    """
    target = Path(path)
    refuse_folder(target)
    contents = {target.with_name(target.name + ending): content for ending, content in beside.items()}
    temporaries: dict[Path, Path] = {}
    try:
        for place, content in {**contents, target: data}.items():
            if content is not None:
                temporaries[place] = _temporary(target.parent)
                with temporaries[place].open("xb") as file:  # unlike tempfile's, its permissions follow the umask
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        for place in contents:
            if os.path.lexists(place):  # false, unlike an error of `unlink`, where its longer name is too long
                place.unlink()
        for place, temporary in temporaries.items():  # the file itself last
            temporary.replace(place)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return the error that says why a file cannot be written, and what to do."""
    remedy = "give the image a shorter name" if error.errno == errno.ENAMETOOLONG else "free space"
    return OutputError(f"`{path}` cannot be written ({error.strerror or error}); {remedy} or write elsewhere")


def move(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
    """Move a file that was written, with what lies beside it, in place of whatever file is there."""
    source, target = Path(old), Path(new)
    refuse_folder(target)
    try:
        for ending in (*SIDECARS, *JOURNALS):
            beside, there = source.with_name(source.name + ending), target.with_name(target.name + ending)
            if os.path.lexists(there):
                there.unlink()
            if os.path.lexists(beside):
                beside.replace(there)
        source.replace(target)
    except OSError as error:
        raise OutputError(f"`{source}` cannot be moved to `{target}` ({error.strerror}); write elsewhere") from error


def write_json(path: str | os.PathLike[str], value: Any, *, compact: bool = False) -> None:
    """Write plain values as UTF-8 JSON, keys in their own order; NaN and infinity, which JSON has not, are refused."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=None if compact else 2, allow_nan=False)
    except ValueError as error:
        raise OutputError(f"`{path}` cannot be written as JSON: {error}; use null for what is not a number") from error
    # A file name that is not UTF-8 holds lone surrogates; the backslash form is what JSON itself writes for them.
    write_atomically(path, (text + "\n").encode("utf-8", errors="backslashreplace"))


def write_rgb_png(path: str | os.PathLike[str], rgb: Uint8) -> None:
    """Write a picture (H, W, 3) as PNG."""
    write_atomically(path, _png(rgb[..., ::-1]))


def write_mask_png(path: str | os.PathLike[str], mask: Bool) -> None:
    """Write a bool (H, W) mask as a PNG of one channel, 255 where it is set and 0 elsewhere."""
    write_atomically(path, _png(mask.astype(np.uint8) * 255))


def read_mask_png(path: str | os.PathLike[str]) -> Bool:
    """Read a mask PNG of one channel; every value above 0 is set."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("L", "1"):
                raise PictureError(f"`{path}` is no mask: a PNG of one 8-bit channel is expected, got {image.mode}")
            mask: Bool = np.asarray(image) > 0
    except FileNotFoundError as error:
        raise PictureError(f"mask `{path}` does not exist; write it first, e.g. with `zeroov evolve`") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"mask `{path}` is truncated or no PNG; write it again") from error
    return mask


def write_overlay_png(path: str | os.PathLike[str], rgb: Uint8, mask: Bool, box: Box | None) -> None:
    """Write the picture (H, W, 3) with its mask (H, W) tinted and outlined and its box drawn, at full size."""
    write_rgb_png(path, overlay(rgb, mask, box))


def overlay(rgb: Uint8, mask: Bool, box: Box | None) -> Uint8:
    """Return a copy of a picture (H, W, 3) with a mask (H, W) tinted and outlined and a box drawn."""
    if mask.shape != rgb.shape[:2]:
        raise ValueError(f"a mask of the picture's size {rgb.shape[:2]} is expected, got {mask.shape}")
    drawn = np.array(rgb)
    tinted = drawn[mask] * (1 - TINT_OPACITY) + np.array(TINT_RGB) * TINT_OPACITY
    drawn[mask] = np.rint(tinted).astype(np.uint8)
    width = max(1, round(max(mask.shape) / 400))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, contours, -1, TINT_RGB, width)
    if box:
        x0, y0 = round(box.x0), round(box.y0)
        x1, y1 = max(round(box.x1) - 1, x0), max(round(box.y1) - 1, y0)  # a half-open box ends one pixel earlier
        cv2.rectangle(drawn, (x0, y0), (x1, y1), BOX_RGB, width)
    return drawn


def _png(pixels: Uint8) -> bytes:
    """Encode (H, W) or blue-first (H, W, 3) uint8 pixels."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise OutputError(f"PNG cannot hold {pixels.shape[1]} x {pixels.shape[0]} pixels; cut the picture into tiles")
    return bytes(encoded)


def _temporary(folder: Path) -> Path:
    return folder / f".zeroov-{uuid.uuid4().hex}.tmp"
