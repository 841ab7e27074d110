"""What the server is: the page, its state, its limits, its examples and its folders."""

from __future__ import annotations

import functools
import hashlib
import itertools
import mimetypes
from importlib import resources
from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from zeroov.outputs.answer import DOUBTFUL
from zeroov.serve.answer import without_folders
from zeroov.serve.examples import EXAMPLES, example
from zeroov.serve.explain import tuning
from zeroov.serve.models import About, Example, Folder, Health
from zeroov.serve.refusal import Document, RequestError
from zeroov.serve.results import FILES
from zeroov.serve.routes.given import Served
from zeroov.serve.service import EXPRESSIONS, WORDS
from zeroov.version import __version__

router = APIRouter()
PAGE = resources.files("zeroov.serve").joinpath("page")
KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}
IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".webp", ".gif", ".bmp")
MOST_LISTED = 2000


@functools.cache
def page_edition() -> str:
    """Return what changes with any file of the page; its files are asked for under this name, and kept by browsers."""
    digest = hashlib.sha256()
    for file in sorted(PAGE.iterdir(), key=lambda file: file.name):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
def page() -> Response:
    """Return the page; what it loads is named by what it holds, so that a browser asks for each file once."""
    page_edition.cache_clear()  # somebody may be changing the page
    text = PAGE.joinpath("index.html").read_text(encoding="utf-8")
    text = text.replace('"/page/', f'"/page/{page_edition()}/')
    return Response(text, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.api_route("/page/{name:path}", methods=["GET", "HEAD"], include_in_schema=False)
def page_file(name: str) -> Response:
    """Return a file of the page."""
    edition, _, inside = name.partition("/")
    is_kept = edition == page_edition()
    name = inside if is_kept else name
    file = PAGE.joinpath(name)
    if name in ("", ".", "..") or set(name) & set("/\\\0") or not file.is_file():
        raise RequestError(404, f"the page has no file `{name[:80]}`")
    kind = KINDS.get("." + name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = "; charset=utf-8" if kind.startswith("text/") else ""
    kept = "public, max-age=31536000, immutable" if is_kept else "no-cache"
    return Response(file.read_bytes(), media_type=kind + text, headers={"Cache-Control": kept})


@router.head("/health", include_in_schema=False)
@router.get("/health", response_model=Health)
async def health(service: Served) -> Response:
    """Return whether the server runs; never waits for a model."""
    return Document(service.health())


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(service: Served) -> Response:
    """Return what the server has done, as Prometheus reads it."""
    gauges = {
        "zeroov_queue": ("Questions that wait.", float(len(service.queue))),
        "zeroov_pictures": ("Pictures that are held.", float(len(service.pictures))),
        "zeroov_picture_bytes": ("Bytes of pictures on disk.", float(service.pictures.bytes)),
        "zeroov_workers_busy": ("Workers with a question in hand.", float(sum(bool(w.now) for w in service.workers))),
    }
    return PlainTextResponse(service.metrics.text(gauges), media_type="text/plain; version=0.0.4")


@router.get("/v1", response_model=About)
async def about(service: Served) -> Response:
    """Return what the server is, what it takes, and where everything is."""
    recipe, access, limits = service.pipeline.recipe, service.access, service.limits
    value: dict[str, Any] = {
        "name": "zeroov",
        "version": __version__,
        "recipe": recipe.name,
        "description": recipe.description,
        "device": ", ".join(str(each.device) for each in service.pipelines),
        "stages": list(recipe.stages),
        "drawn_only": service.drawn_only,
        "examples": len(EXAMPLES),
        "address": {"host": access.host, "loopback": access.is_local},
        "limits": {
            "bytes": limits.bytes,
            "pixels": limits.pixels,
            "words": WORDS,
            "expressions": EXPRESSIONS,
            "queue": limits.queue,
        },
        "doubt": DOUBTFUL,
        "tune": tuning(recipe),
        "folders": list(access.folders),
        "formats": list(FILES),
        "links": {
            "openapi": "/v1/openapi.json",
            "pictures": "/v1/pictures",
            "examples": "/v1/examples",
            "health": "/health",
            "metrics": "/metrics",
        },
    }
    return Document(value | without_folders(service.pipeline.provenance))


@router.get("/v1/examples", response_model=list[Example])
def drawn_examples(service: Served) -> Response:
    """Return six scenes of the drawn world, each with something to ask; one asks for what is not there."""
    return Document([example(service, place) for place in range(len(EXAMPLES))])


@router.get("/v1/examples/{place}", response_model=Example)
def drawn_example(service: Served, place: int) -> Response:
    """Return one of the six, by its place from 0 to 5: drawn when somebody first asks for it."""
    if not 0 <= place < len(EXAMPLES):
        raise RequestError(404, f"there is no example {place}, they are 0 to {len(EXAMPLES) - 1}")
    return Document(example(service, place))


@router.get("/v1/folders/{name}", response_model=Folder)
def folder(service: Served, name: str, under: str = "") -> Response:
    """Return what lies in a folder that was named at the start."""
    here = service.folder_file(f"{name}:{under}")
    if not here.is_dir():
        raise RequestError(404, f"the folder `{name[:40]}` has no folder `{under[:80]}`")
    root = service.access.folders[name].resolve()
    names = (each for each in sorted(here.iterdir()) if not each.name.startswith("."))
    listed = [*itertools.islice((each for each in names if each.resolve().is_relative_to(root)), MOST_LISTED + 1)]
    inside = listed[:MOST_LISTED]
    prefix = here.relative_to(root).as_posix()
    prefix = "" if prefix == "." else f"{prefix}/"
    files = [each for each in inside if each.is_file() and each.suffix.lower() in IMAGES]
    return Document(
        {
            "name": name,
            "under": prefix.rstrip("/"),
            "more": len(listed) > MOST_LISTED,
            "folders": [each.name for each in inside if each.is_dir()],
            "files": [
                {"name": each.name, "bytes": each.stat().st_size, "ref": f"{name}:{prefix}{each.name}"}
                for each in files
            ],
        }
    )
