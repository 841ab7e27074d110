"""A pipeline behind FastAPI: one for the process, loaded once, shared by the threads that answer.

    pip install fastapi uvicorn
    ZEROOV_RECIPE=mini uvicorn --app-dir examples fastapi_app:app
    curl -H 'Content-Type: image/png' --data-binary @photo.png 'http://127.0.0.1:8000/ground?expression=the+plane'

FastAPI runs a `def` endpoint in a thread pool, so a long question blocks no other request. The questions take turns: a
pipeline computes one at a time. Start one worker for each GPU, not more: each loads the models for itself.
"""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image, UnidentifiedImageError

import zeroov

KINDS = ["PNG", "JPEG", "WEBP"]  # PIL reads many more; of a stranger's files few kinds are enough


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the models before the first request, and free them after the last one."""
    pipeline = zeroov.load(os.environ.get("ZEROOV_RECIPE", "fast"))
    await run_in_threadpool(pipeline.warm_up)  # a model that is missing ends the start, with what to do
    app.state.pipeline = pipeline
    yield
    pipeline.close()


app = FastAPI(lifespan=lifespan)


@app.post("/ground")
def ground(
    request: Request, expression: str, image: Annotated[bytes, Body(media_type="application/octet-stream")]
) -> dict[str, Any]:
    """Answer what `zeroov ground --json` prints. Nothing found is an answer: its status is `empty`."""
    try:
        picture = Image.open(io.BytesIO(image), formats=KINDS)
        return request.app.state.pipeline.ground(picture, expression).to_json()
    except UnidentifiedImageError as error:
        raise HTTPException(400, f"the body is no {', '.join(KINDS)} file") from error
    except zeroov.ZeroovError as error:
        raise HTTPException(400, str(error)) from error
