"""Pictures for people: panels, sheets and plots; the only room that imports matplotlib. For notebooks the Explorer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.show.explorer import Explorer

__all__ = ["Explorer"]


def __getattr__(name: str) -> Any:
    if name != "Explorer":
        raise AttributeError(f"module 'zeroov.show' has no attribute {name!r}")
    try:
        return importlib.import_module("zeroov.show.explorer").Explorer
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets"):
            raise
        raise UsageError(
            "zeroov.show.Explorer is a widget and needs anywidget, which is not installed; "
            "`pip install 'zeroov[notebook]'`"
        ) from error
