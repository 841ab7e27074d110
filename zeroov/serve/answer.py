"""What a request asks, and its answer as bytes: everything about serving that needs no socket."""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from zeroov.errors import OutputError, PictureError, UsageError, did_you_mean
from zeroov.outputs.answer import Answer
from zeroov.outputs.formats.coco import require_countable
from zeroov.outputs.formats.geojson import require_degrees
from zeroov.outputs.formats.png import require_room, write_full_png
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.images import png
from zeroov.outputs.polygons import outline_or_none
from zeroov.outputs.rle import run_lengths
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import Scene, open_source
from zeroov.types import clean_expression
from zeroov.weights.find import public_name

SOURCE = "upload"  # what answers call the image; a client's names are not asked for
SHOWN = 1600  # longer side of previews, and of the overlay of a scene that was searched
FORMATS = {"json": "application/json", "mask": "image/png", "overlay": "image/png", "geojson": "application/geo+json"}
ACCEPTED = {"image/png": "mask", "application/geo+json": "geojson"}
OPTIONS = ("expression", "all", "zoom", "bands", "format", "pictures")
YES, NO = ("1", "true", "yes", ""), ("0", "false", "no")


@dataclass(frozen=True)
class Asked:
    """A request's options. `zoom` is `None` where the server's recipe decides; `pictures` adds PNGs to the JSON."""

    expression: str
    every: bool = False
    zoom: bool | None = None
    bands: tuple[int, ...] | None = None
    format: str = "json"
    pictures: bool = False


@dataclass(frozen=True)
class Reply:
    """The body of an answer and its media type."""

    body: bytes
    kind: str = FORMATS["json"]


def reply_json(value: Any, kind: str = FORMATS["json"]) -> Reply:
    """Return plain values as a reply of one line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
    return Reply(text.encode("utf-8", "backslashreplace"), kind)


def parse_asked(query: str, accept: str = "") -> Asked:
    """Read the query of `/ground`; the first media type of `accept` decides where no `format` is given."""
    given = parse_options(query, OPTIONS)
    if "expression" not in given:
        raise UsageError("no expression is given; add ?expression=the+white+plane")
    chosen = given.get("format") or ACCEPTED.get(accept.split(",")[0].split(";")[0].strip().lower(), "json")
    if chosen not in FORMATS:
        raise UsageError(f"`{chosen[:40]}` is no format{did_you_mean(chosen, FORMATS)}")
    return Asked(
        expression=clean_expression(given["expression"]),
        every=_flag(given, "all") or False,
        zoom=_flag(given, "zoom"),
        bands=parse_bands(given.get("bands")),
        format=chosen,
        pictures=_flag(given, "pictures") or False,
    )


def parse_options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    """Return a query's options, each known and given once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=2 * len(OPTIONS))
    except ValueError as error:
        raise UsageError(f"the query cannot be read ({error})") from error
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise UsageError(f"`{name[:40]}` is no option{did_you_mean(name[:40], known)}")
        if name in given:
            raise UsageError(f"`{name}` is given twice")
        given[name] = value
    return given


def parse_bands(bands: str | None) -> tuple[int, ...] | None:
    """Return the numbers of `4,3,2`; `None` where nothing is given."""
    try:
        return tuple(int(part) for part in bands.split(",")) if bands else None
    except ValueError as error:
        raise UsageError(f"bands takes one number or three, e.g. bands=4,3,2, got `{(bands or '')[:40]}`") from error


def _flag(given: Mapping[str, str], name: str) -> bool | None:
    value = given.get(name)
    if value is None or value.lower() in YES:
        return None if value is None else True
    if value.lower() not in NO:
        raise UsageError(f"{name} is 1 or 0, got `{value[:40]}`")
    return False


def open_upload(image: Path, bands: tuple[int, ...] | None, most_pixels: int, progress: Progress = SILENT) -> Scene:
    """Open what a client sent; few bytes may hold very many pixels, so these have a limit of their own."""
    scene = open_source(image, bands, uploaded=True, progress=progress)
    height, width = scene.hw
    if height * width > most_pixels:
        scene.close()
        raise PictureError(
            f"the image has {width} x {height} = {height * width:,} pixels, at most {most_pixels:,} are taken; cut it "
            "into parts, or start the server with a larger --max-mpixels"
        )
    return scene


def without_folders(provenance: Mapping[str, str]) -> dict[str, str]:
    """Return how an answer was made, of a model in a folder of this machine with the folder's last name alone."""
    return {**provenance, "model": public_name("overview", provenance["model"])}


def require_possible(format: str, info: SceneInfo) -> None:
    """Refuse, before the work, a format that cannot hold an answer about a scene."""
    with _refused():
        if format == "geojson":
            require_degrees(info)
        if format == "mask":
            require_room(info)


def reply(answer: Answer, format: str = "json", pictures: bool = False) -> Reply:
    """Return an answer in a format; `pictures` adds PNGs to the JSON."""
    if format == "geojson":
        with _refused():
            return reply_json(answer.to_geojson(), FORMATS["geojson"])
    if format == "mask":
        return Reply(mask_png(answer), FORMATS["mask"])
    if format == "overlay":
        return Reply(png(answer.overlay()), FORMATS["overlay"])
    return reply_json(document(answer, pictures))


def document(answer: Answer, pictures: bool = False) -> dict[str, Any]:
    """Return an answer as plain values, with each object's mask as run lengths and its outline."""
    objects = [
        object_json(each, answer.info) | {"doubtful": answer.doubt(each) or None, **each.extra} for each in answer.found
    ]
    report = answer.to_json()
    best = objects[0] if objects else {"box_xyxy": None, "mask_pixels": 0, "mask": None, "polygons": None}
    report |= {**best, "score": report["score"], "found": objects, "notes": [], "geojson": None}
    if answer.info.is_on_map:
        try:
            report["geojson"] = answer.to_geojson()
        except OutputError as error:
            report["notes"].append(_reason(error))
    if pictures:
        report["overlay_png"] = base64.b64encode(png(answer.overlay())).decode()
        try:
            report["mask_png"] = base64.b64encode(mask_png(answer)).decode()
        except OutputError as error:
            report["notes"].append(_reason(error))
    return report


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """Refuse an answer that a format cannot hold, and name one of this server's that can."""
    try:
        yield
    except OutputError as error:
        raise OutputError(f"{_reason(error)}; ask for format=json, which counts in pixels") from error


def _reason(error: OutputError) -> str:
    """Return why a format cannot hold an answer, without the advice behind it, which names formats of files."""
    reason, _, advice = str(error).rpartition("; ")
    return reason or advice


def without_path(text: str, image: Path) -> str:
    """Return a message that does not say where the server keeps an upload."""
    return text.replace(str(image), SOURCE).replace(f"{image.parent}/", "")


def object_json(found: Found, info: SceneInfo) -> dict[str, Any]:
    """Return an object in pixels: box, COCO run lengths, outlines as a GeoJSON geometry (with the extra `geo`)."""
    about: dict[str, Any] = {"box_xyxy": list(found.box.xyxy), "score": round(found.score, 6)}
    about |= {"mask_pixels": found.pixels, "mask": None, "polygons": None}
    with contextlib.suppress(OutputError):  # a scene beyond COCO's count: what is left says enough
        require_countable(info)
        about["mask"] = run_lengths(found.mask, found.origin_xy, info.hw)
        about["polygons"] = outline_or_none(found)
    return about


def mask_png(answer: Answer) -> bytes:
    """Return all that was found as one PNG of the image's size."""
    with tempfile.TemporaryDirectory(prefix="zeroov-mask-") as folder:
        path = Path(folder) / "mask.png"
        write_full_png(path, answer.info, answer.found, {})
        return path.read_bytes()
