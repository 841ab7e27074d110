"""The libraries of the extra `geo`, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from zeroov.errors import OutputError
from zeroov.raster.geotiff import INSTALL


def need(module: str, what: str) -> Any:
    """Import a module; where it is missing say what it is needed for and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise OutputError(f"{what} needs {module.partition('.')[0]}, which is not installed; {INSTALL}") from error
