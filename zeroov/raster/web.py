"""Open a GeoTIFF on the web or in an object store: of a Cloud Optimized one GDAL fetches the windows that are read."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

from zeroov.errors import PictureError
from zeroov.raster import geotiff
from zeroov.raster.decode import decoding

# One file is asked for, not what may lie beside it; an address that does not answer is asked again, then given up. Who
# sets one of these in the environment knows better.
SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
}
SYSTEMS = {"https": "/vsicurl/https://", "http": "/vsicurl/http://", "s3": "/vsis3/", "gs": "/vsigs/"}
CONVERTED = ("palette", "cyan")  # colours that only a whole file shows rightly
UNSIGNED = "AWS_NO_SIGN_REQUEST=YES, GS_NO_SIGN_REQUEST=YES"


def is_address(name: str) -> bool:
    """Return whether a name is an address on the web, or of an object store."""
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme.lower() in SYSTEMS


def shown(name: str) -> str:
    """Return an address without what may be secret in it: a password before the host, a signature after the path.

    Any other name stays as it is.
    """
    if not is_address(name):
        return name
    scheme, _, rest = name.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def settings() -> dict[str, str]:
    """Return GDAL's settings for addresses, for every block in which one is opened or read."""
    return {name: os.environ.get(name, value) for name, value in SETTINGS.items()}


def opened(name: str, closing: contextlib.ExitStack, **options: Any) -> Any:
    """Open a GeoTIFF at an address until `closing` closes it; any other kind of file is refused.

    Other kinds may point to further files; a GeoTIFF is all in one. Credentials are GDAL's own affair: it takes them
    from the environment. `options` are GDAL's for opening.
    """
    scheme, _, rest = name.partition("://")
    place, named = SYSTEMS[scheme.lower()] + rest, shown(name)
    download = "download the file, and give its name"
    rasterio = geotiff.rasterio_or_none()
    if rasterio is None:
        raise PictureError(f"`{named}` is on the web, which needs rasterio; {geotiff.INSTALL}, or {download}")
    try:
        with decoding(named), geotiff.gdal_errors(rasterio), rasterio.Env(**settings()):
            dataset = closing.enter_context(rasterio.open(place, driver="GTiff", **options))
            geotiff.settle(dataset)
    except PictureError as error:
        reason = str(error.__cause__).replace(place, named).replace(rest, shown(name).partition("://")[2])
        signed = "" if scheme.lower().startswith("http") else f" and the credentials in the environment ({UNSIGNED})"
        raise PictureError(
            f"`{named}` cannot be opened as a GeoTIFF on the web ({reason}); check the address{signed}, or {download}"
        ) from None
    bits = int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))
    if bits < 8 or any(colour.name in CONVERTED for colour in dataset.colorinterp):
        raise PictureError(f"`{named}` has colours of a kind that is read from whole files alone; {download}")
    return dataset


def overview(name: str, dataset: Any, step: int, closing: contextlib.ExitStack) -> tuple[Any, int]:
    """Open the coarsest overview that is at least as fine as every `step`-th pixel; return it and its own step.

    `(None, 1)` where there is none: then all pixels have to be fetched to look at the whole.
    """
    steps = dataset.overviews(1)
    level = max((level for level, each in enumerate(steps) if each <= step), key=lambda at: steps[at], default=None)
    if level is None:
        return None, 1
    return opened(name, closing, OVERVIEW_LEVEL=level), steps[level]
