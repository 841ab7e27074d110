"""An answer as clients get it: a JSON document, and files of every format."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.outputs.answer import DOUBTFUL, Answer
from zeroov.outputs.images import png
from zeroov.outputs.polygons import outline_or_none
from zeroov.outputs.write import write
from zeroov.serve.answer import FORMATS, document, mask_png, require_possible
from zeroov.serve.explain import why
from zeroov.serve.refusal import RequestError
from zeroov.serve.service import Result, Service

JSON, ZIP = "application/json", "application/zip"


def result_json(service: Service, result: Result, pictures: bool = False) -> dict[str, Any]:
    """Return an answer as a JSON document."""
    about = {
        "id": result.id,
        "picture": result.picture,
        "derived_from": result.derived_from,
        "doubt_line": DOUBTFUL,
        "why": why(result.answer, service.pipeline.recipe),
    }
    return {**document(result.answer, pictures), **about}


@dataclass(frozen=True)
class File:
    """A kind of file of an answer: its media type, and how it is made."""

    kind: str
    make: Callable[[Service, Result], bytes]


def _written(format: str) -> Callable[[Service, Result], bytes]:
    """Return how a file of a format of maps or annotations is made."""

    def make(_: Service, result: Result) -> bytes:
        answer = result.answer
        with tempfile.TemporaryDirectory(prefix="zeroov-file-") as folder:
            (path,) = write(
                Path(folder),
                [format],
                answer.info,
                answer.found,
                answer.provenance,
                expressions=[answer.expression],
            )
            return path.read_bytes()

    return make


def _outline(_: Service, result: Result) -> bytes:
    """Return the outlines in pixels of the picture, as GeoJSON's geometries."""
    features = [
        {
            "type": "Feature",
            "properties": {"expression": found.expression, "score": round(found.score, 6), "unit": "pixels"},
            "geometry": outline_or_none(found),
        }
        for found in result.answer.found
    ]
    if any(feature["geometry"] is None for feature in features):
        raise OutputError("an outline needs the extra geo; pip install 'zeroov[geo]'")
    return _text({"type": "FeatureCollection", "features": features})


def _mask(_: Service, result: Result) -> bytes:
    require_possible("mask", result.answer.info)
    return mask_png(result.answer)


def _panel(_: Service, result: Result) -> bytes:
    from zeroov.show.panel import draw_panel

    return draw_panel(result.answer)


def _all(service: Service, result: Result) -> bytes:
    """Return all files that there can be, in a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in FILES.items():
            if name != "all.zip":
                try:
                    archive.writestr(name, file.make(service, result))
                except OutputError as error:
                    archive.writestr(f"{name}.txt", f"{error}\n")
    return made.getvalue()


def _text(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")


FILES = {
    "mask.png": File("image/png", _mask),
    "overlay.png": File("image/png", lambda _, result: png(result.answer.overlay())),
    "outline.geojson": File(FORMATS["geojson"], _outline),
    "result.json": File(JSON, lambda service, result: _text(result_json(service, result))),
    "panel.png": File("image/png", _panel),
    "found.geojson": File(FORMATS["geojson"], _written("geojson")),
    "found.gpkg": File("application/geopackage+sqlite3", _written("gpkg")),
    "coco.json": File(JSON, _written("coco")),
    "all.zip": File(ZIP, _all),
}


def file_of(service: Service, id: str, name: str, number: int | None) -> tuple[bytes, str]:
    """Return a file of an answer, or of one of its objects, and its media type."""
    result = service.result(id)
    if name not in FILES:
        raise RequestError(404, f"a result has no file `{name[:40]}`", f"there are {', '.join(FILES)}")
    if number is not None:
        if not 0 <= number < len(result.answer.found):
            raise RequestError(404, f"the result has {len(result.answer.found)} objects, there is no {number}")
        result = replace(result, answer=alone(result.answer, number))
    return FILES[name].make(service, result), FILES[name].kind


def alone(answer: Answer, number: int) -> Answer:
    """Return an answer with one of its objects."""
    return replace(answer, found=(answer.found[number],), score=answer.found[number].score)
