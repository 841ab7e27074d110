"""Pictures: sent once, then looked at and asked about by their id."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from zeroov.errors import UsageError
from zeroov.serve.answer import parse_bands
from zeroov.serve.models import Picture, PictureGiven, Places
from zeroov.serve.refusal import Document, RequestError
from zeroov.serve.routes.given import Served, require_work
from zeroov.serve.service import Service
from zeroov.serve.shown import map_tile, own_tile, places, preview
from zeroov.serve.store import Upload
from zeroov.serve.upload import incoming, lend, take

router = APIRouter(prefix="/v1/pictures")
KEPT = {"Cache-Control": "private, max-age=3600"}  # an id stands for bytes that never change
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
CHUNK = 1 << 20
MOST_POINTS = 1000
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "title": "PictureFile",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": PictureGiven.model_json_schema()},
        },
    }
}


@router.post("", status_code=201, response_model=Picture, openapi_extra=BODY)
async def upload(service: Served, request: Request, bands: str | None = None, name: str = "") -> Response:
    """Take a picture: the bytes of an image file as the body, a form with `file`, or a JSON document."""
    taken = await received(service, request, bands, name)
    return Document(taken.about, 201, {"Location": f"/v1/pictures/{taken.id}"})


async def received(service: Service, request: Request, bands: str | None, name: str = "") -> Upload:
    """Read a picture from the body of a request."""
    require_work(service)
    chosen = parse_bands(bands)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with service.room(service.uploads, "uploads"), incoming(service) as path:
        if kind == "application/json":
            return await _from_json(service, await request.body(), path, chosen)
        if kind == "multipart/form-data":
            digest, name = await _from_form(request, path, name)
        else:
            digest = await _from_stream(request, path)
        return await run_in_threadpool(take, service, path, digest, name, chosen)


async def _from_stream(request: Request, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("xb") as file:
        async for part in request.stream():
            digest.update(part)
            await run_in_threadpool(file.write, part)
    return digest.hexdigest()


async def _from_form(request: Request, path: Path, name: str) -> tuple[str, str]:
    try:
        form = await request.form(max_files=1, max_fields=8)
    except (MultiPartException, AssertionError, KeyError) as error:
        raise RequestError(400, f"the form cannot be read ({error})", "send one file under the name `file`") from error
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise RequestError(422, "the form has no file", "send one file under the name `file`")
    digest = hashlib.sha256()
    with path.open("xb") as kept:
        while part := await file.read(CHUNK):
            digest.update(part)
            await run_in_threadpool(kept.write, part)
    name = name or file.filename or ""
    await form.close()
    return digest.hexdigest(), name


async def _from_json(service: Service, body: bytes, path: Path, bands: tuple[int, ...] | None) -> Upload:
    try:
        given = PictureGiven.model_validate(json.loads(body))
    except (ValueError, RecursionError, ValidationError) as error:
        raise RequestError(
            422, "the JSON document is no picture", 'send {"base64": ..., "name": ...} or {"ref": "folder:file"}'
        ) from error
    bands = parse_bands(given.bands) or bands
    if (given.ref is None) == (given.base64 is None):
        raise UsageError("give either `base64` or `ref`")
    if given.ref is not None:
        return await run_in_threadpool(lend, service, given.ref, bands)
    try:
        data = base64.b64decode(given.base64 or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(422, "`base64` is not base64", "encode the file's bytes") from error
    await run_in_threadpool(path.write_bytes, data)
    return await run_in_threadpool(take, service, path, hashlib.sha256(data).hexdigest(), given.name, bands)


@router.get("/{id}", response_model=Picture)
def picture(service: Served, id: str) -> Response:
    """Return what is known of a picture."""
    return Document(service.pictures.get(id).about)


@router.delete("/{id}", status_code=204)
def forget(service: Served, id: str) -> Response:
    """Forget a picture."""
    service.pictures.get(id)
    service.pictures.forget(id)
    return Response(status_code=204)


@router.get("/{id}/preview", response_class=Response, responses=PNG)
def preview_of(service: Served, id: str, max: int = 1600) -> Response:
    """Return a picture as a PNG, reduced where its longer side has more than `max` pixels; nodata is transparent."""
    if max < 1:
        raise UsageError(f"max is a number of pixels from 1 up, got {max}")
    return Response(preview(service.shown, service.pictures.get(id), max), media_type="image/png", headers=KEPT)


@router.get("/{id}/tiles/{z}/{x}/{y}.png", response_class=Response, responses=PNG)
def tile(service: Served, id: str, z: int, x: int, y: int) -> Response:
    """Return a tile of a picture's own grid; what is not valid is transparent."""
    return Response(own_tile(service.shown, service.pictures.get(id), z, x, y), media_type="image/png", headers=KEPT)


@router.get("/{id}/map/{z}/{x}/{y}.png", response_class=Response, responses=PNG)
def tile_on_map(service: Served, id: str, z: int, x: int, y: int) -> Response:
    """Return a tile of the web's maps (Web Mercator) that shows a picture where it lies."""
    return Response(map_tile(service.shown, service.pictures.get(id), z, x, y), media_type="image/png", headers=KEPT)


@router.get("/{id}/place", response_model=Places)
def place(service: Served, id: str, points: str) -> Response:
    """Return where pixels lie on the map: `points` is x,y;x,y;..."""
    info = service.pictures.get(id).info
    try:
        numbers = np.array([[float(n) for n in pair.split(",")] for pair in points.split(";")], dtype=np.float64)
    except ValueError as error:
        raise UsageError(f"points is x,y;x,y, got `{points[:80]}`") from error
    if numbers.ndim != 2 or numbers.shape[1] != 2 or len(numbers) > MOST_POINTS or not np.isfinite(numbers).all():
        raise UsageError(f"points is x,y;x,y with at most {MOST_POINTS} of them, got `{points[:80]}`")
    value: dict[str, Any] = places(info, numbers)
    return Document(value)
