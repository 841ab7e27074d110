"""zeroov: find the one object that a sentence describes in a remote sensing image, with frozen models.

    import zeroov
    pipeline = zeroov.load("fast")
    answer = pipeline.ground("photo.jpg", "the white plane on the lower right")
    answer.mask, answer.box, answer.score, answer.status, answer.words

Importing zeroov imports no torch; the models' libraries are imported when a pipeline first needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zeroov.version import __version__

if TYPE_CHECKING:
    from zeroov.errors import ZeroovError
    from zeroov.ground import Pipeline, load
    from zeroov.outputs.answer import Answer
    from zeroov.raster.scene import open_picture
    from zeroov.recipe import Recipe
    from zeroov.show.panel import write_panel
    from zeroov.types import Box, Picture

_HOME = {
    "Answer": "zeroov.outputs.answer",
    "Box": "zeroov.types",
    "Picture": "zeroov.types",
    "Pipeline": "zeroov.ground",
    "Recipe": "zeroov.recipe",
    "ZeroovError": "zeroov.errors",
    "load": "zeroov.ground",
    "open_picture": "zeroov.raster.scene",
    "write_panel": "zeroov.show.panel",
}
_ROOMS = ("evolve", "overview")  # their pure functions are reached as zeroov.evolve.fuse, zeroov.overview.combine
__all__ = [
    "Answer",
    "Box",
    "Picture",
    "Pipeline",
    "Recipe",
    "ZeroovError",
    "__version__",
    "load",
    "open_picture",
    "write_panel",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"zeroov.{name}")
    raise AttributeError(f"module 'zeroov' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
