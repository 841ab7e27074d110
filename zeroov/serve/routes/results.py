"""Answers: as a document, with how they came about, and as files."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from zeroov.serve.explain import explained, floats
from zeroov.serve.models import Explained, FloatMap, Result
from zeroov.serve.refusal import Document, RequestError
from zeroov.serve.results import file_of, result_json
from zeroov.serve.routes.given import Served
from zeroov.types import Affinity

router = APIRouter(prefix="/v1/results")
BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/{id}", response_model=Result)
def result(service: Served, id: str) -> Response:
    """Return an answer."""
    return Document(result_json(service, service.result(id)))


@router.get("/{id}/explain", response_model=Explained)
def explain_result(service: Served, id: str) -> Response:
    """Return how an answer came about: maps, candidates and their evidence."""
    found = service.result(id)
    if not found.answer.looks:
        reason = "its tiles were looked at alone" if found.answer.searched else "it was drawn where somebody pointed"
        raise RequestError(404, f"no look at the whole picture stands behind this answer: {reason}", "", "no_look")
    return Document(explained(found.answer.looks[0], service.pipeline.recipe, found.answer))


@router.get("/{id}/focus", response_model=FloatMap)
def focus_row(service: Served, id: str, row: int, col: int) -> Response:
    """Return what is tied to a cell of the grid: the affinity's row of that cell, as a map (rows, cols)."""
    found = service.result(id)
    look = found.answer.looks[0] if found.answer.looks else None
    return row_of(service.affinity(look.keys.get("focus", "")) if look else None, row, col)


def row_of(affinity: Affinity | None, row: int, col: int) -> Response:
    """Return the affinity's row of a cell as a map, where there is an affinity."""
    if affinity is None:
        raise RequestError(404, "the affinity of this answer is not kept", "ask again", "map_gone")
    rows, cols = affinity.grid_hw
    if not (0 <= row < rows and 0 <= col < cols):
        raise RequestError(422, f"the grid has {rows} rows and {cols} columns, there is no cell {row}, {col}")
    return Document(floats(affinity.matrix[row * cols + col].reshape(rows, cols)))


@router.get("/{id}/files/{name}", response_class=Response, responses=BINARY)
def result_file(service: Served, id: str, name: str, object: int | None = None) -> Response:
    """Return a file of an answer, or of one of its objects."""
    body, kind = file_of(service, id, name, object)
    return Response(body, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
