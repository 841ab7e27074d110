"""Libraries that zeroov does without, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from zeroov.errors import OutputError
from zeroov.raster.geotiff import INSTALL


def need(module: str, what: str, install: str = INSTALL) -> Any:
    """Import a module; where it is missing say what needs it and how to `install` it, by default with extra `geo`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        install = INSTALL.replace("geo", "geoparquet") if name == "pyarrow" else install
        raise OutputError(f"{what} needs {name}, which is not installed; {install}") from error
