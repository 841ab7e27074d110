"""Asking: about a picture that the server holds, or in one go with the picture."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from zeroov.errors import DatasetError, UsageError
from zeroov.outputs.answer import Answer
from zeroov.outputs.rle import decode_rle
from zeroov.raster.scene import Scene
from zeroov.serve.answer import Reply, parse_asked, reply, require_possible
from zeroov.serve.clicks import drawn_at
from zeroov.serve.jobs import Job, Wish
from zeroov.serve.models import GroundAsked, RefineAsked, Result, Results
from zeroov.serve.models import Job as JobModel
from zeroov.serve.refusal import Document
from zeroov.serve.results import result_json
from zeroov.serve.routes.given import Client, Served, ended
from zeroov.serve.routes.pictures import received
from zeroov.serve.service import Service
from zeroov.serve.work import about_upload
from zeroov.types import Bool, clean_expression

router = APIRouter()
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Results}, 202: {"model": JobModel}}
SEEN: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/v1/pictures/{id}/ground", response_model=Results, responses=ANSWERS)
async def ground(service: Served, client: Client, request: Request, id: str, asked: GroundAsked) -> Response:
    """Find what each expression describes.

    The answer is there at once, or, for a search and with `Prefer: respond-async`, a job whose address is in
    `Location`. `Prefer: wait` waits for a search too.
    """
    upload = service.pictures.get(id)
    require_possible(asked.format, upload.info)
    wish = service.wish(wish_of(asked), upload)
    prefer = [part.strip().lower() for part in request.headers.get("prefer", "").split(",")]
    later = "respond-async" in prefer or (bool(wish.search) and not any(part.startswith("wait") for part in prefer))
    if later and (known := service.same_job(id, wish, client)):
        return accepted(known, service)
    job = service.ask(upload, wish, client)
    if later:
        return accepted(job, service)
    ids = await ended(job, request, service)
    if asked.format != "json":
        return as_response(await run_in_threadpool(reply, service.result(ids[0]).answer, asked.format))
    return Document(await run_in_threadpool(_results, service, ids, asked.pictures))


def _results(service: Service, ids: tuple[str, ...], pictures: bool) -> dict[str, Any]:
    return {"results": [result_json(service, service.result(id), pictures) for id in ids]}


def accepted(job: Job, service: Service) -> Response:
    """Return the answer that a question was accepted, and where it stands."""
    return Document(job.to_json(service.turn(job)), 202, {"Location": f"/v1/jobs/{job.id}"})


def as_response(answer: Reply) -> Response:
    """Return a reply as an answer of this server."""
    return Response(answer.body, media_type=answer.kind)


def wish_of(asked: GroundAsked) -> Wish:
    """Return what a document asks for."""
    if asked.format != "json" and len(asked.expressions) > 1:
        raise UsageError(f"format {asked.format} holds the answer to one expression, got {len(asked.expressions)}")
    return Wish(
        expressions=tuple(clean_expression(text) for text in asked.expressions),
        every=asked.all,
        zoom=asked.zoom,
        search=asked.search,
        box=None if asked.box is None else finite(asked.box),
        points=points_of(asked.points),
        area=None if asked.area is None else finite(asked.area),
    )


def finite(box: list[float]) -> tuple[float, float, float, float]:
    """Return a box as four numbers."""
    x0, y0, x1, y1 = box
    if not all(abs(edge) < 1e9 for edge in box):
        raise UsageError("a box is x0, y0, x1, y1 in pixels of the picture")
    return x0, y0, x1, y1


def points_of(points: list[list[float]] | None) -> tuple[tuple[float, float, bool], ...]:
    """Return points as x, y, and whether they are on the object."""
    for point in points or ():
        if len(point) not in (2, 3) or not all(abs(number) < 1e9 for number in point):
            raise UsageError(f"a point is x, y, and 1 on the object or 0 beside it, got {point[:5]}")
    return tuple((point[0], point[1], len(point) == 2 or bool(point[2])) for point in points or ())


@router.post("/v1/pictures/{id}/refine", response_model=Result)
async def refine(service: Served, id: str, asked: RefineAsked) -> Response:
    """Draw an object again by clicks: Segment Anything alone, from the encoding of the picture that is kept."""
    with service.room(service.clicks, "clicks"):
        return Document(await run_in_threadpool(_refined, service, id, asked))


def _refined(service: Service, id: str, asked: RefineAsked) -> dict[str, Any]:
    upload = service.pictures.get(id)
    text, before, derived = "", None, None
    if asked.result is not None:
        derived = service.result(asked.result)
        if derived.picture != id:
            raise UsageError("the result is one of another picture")
        text = derived.answer.expression
        if asked.mask_rle is None and derived.answer.found:
            if asked.object >= len(derived.answer.found):
                raise UsageError(f"the result has {len(derived.answer.found)} objects, there is no {asked.object}")
            found = derived.answer.found[asked.object]
            before = found.mask, found.origin_xy
    if asked.mask_rle is not None:
        before = _mask_of(asked.mask_rle, upload.info.hw), (0, 0)
    box = None if asked.box is None else finite(asked.box)
    points = points_of(asked.points)

    def draw(scene: Scene) -> Answer:
        return drawn_at(service.pipeline, scene, text or "clicks", box, points, before)

    with service.pictures.using(id):
        answer = service.clicked.read(upload, draw)
    result = service.keep_result(about_upload(answer, upload), id, derived.id if derived else None)
    return result_json(service, result)


def _mask_of(rle: dict[str, Any], hw: tuple[int, int]) -> Bool:
    """Return the mask of run lengths of the picture's size."""
    try:
        size = rle.get("size")
        if size != list(hw):
            raise UsageError(f"mask_rle has the size {str(size)[:40]}, the picture {list(hw)}")
        mask = decode_rle(rle)
    except DatasetError as error:
        raise UsageError(f"mask_rle: {str(error).rpartition('; ')[0]}") from error
    if not mask.any():
        raise UsageError("mask_rle is an empty mask")
    return mask


@router.post("/v1/ground", response_model=Result, openapi_extra=SEEN)
@router.post("/ground", include_in_schema=False)
async def ground_at_once(service: Served, client: Client, request: Request) -> Response:
    """Find what `?expression=` describes in the image that is the body; the picture is kept as if it was uploaded."""
    query = request.scope["query_string"].decode("latin-1")
    asked = parse_asked(query, request.headers.get("accept", ""))
    upload = await received(service, request, ",".join(map(str, asked.bands)) if asked.bands else None)
    require_possible(asked.format, upload.info)
    job = service.ask(upload, Wish((asked.expression,), asked.every, asked.zoom), client)
    (id,) = await ended(job, request, service)
    result = service.result(id)
    if asked.format == "json":
        return Document(await run_in_threadpool(result_json, service, result, asked.pictures))
    return as_response(await run_in_threadpool(reply, result.answer, asked.format))
