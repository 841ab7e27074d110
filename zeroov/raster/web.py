"""Open a GeoTIFF on the web: of a Cloud Optimized one GDAL fetches the windows that are read, and no more."""

from __future__ import annotations

import contextlib
from typing import Any

from zeroov.errors import PictureError
from zeroov.raster import geotiff
from zeroov.raster.decode import decoding

# One file is asked for, not what may lie beside it; an address that does not answer is given up.
SETTINGS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_HTTP_CONNECTTIMEOUT": "20", "GDAL_HTTP_MAX_RETRY": "2"}
CONVERTED = ("palette", "cyan")  # colours that only a whole file shows rightly


def is_address(name: str) -> bool:
    """Return whether a name is an address on the web."""
    return name.lower().startswith(("https://", "http://"))


def opened(name: str, closing: contextlib.ExitStack) -> Any:
    """Open a GeoTIFF at an address until `closing` closes it; any other kind of file is refused.

    Other kinds may point to further files; a GeoTIFF is all in one.
    """
    download = "download the file, and give its name"
    rasterio = geotiff.rasterio_or_none()
    if rasterio is None:
        raise PictureError(f"`{name}` is on the web, which needs rasterio; {geotiff.INSTALL}, or {download}")
    try:
        with decoding(name), geotiff.gdal_errors(rasterio), rasterio.Env(**SETTINGS):
            dataset = closing.enter_context(rasterio.open(f"/vsicurl/{name}", driver="GTiff"))
            geotiff.settle(dataset)
    except PictureError as error:
        raise PictureError(
            f"`{name}` cannot be opened as a GeoTIFF on the web ({error.__cause__}); check the address, or {download}"
        ) from error
    bits = int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))
    if bits < 8 or any(colour.name in CONVERTED for colour in dataset.colorinterp):
        raise PictureError(f"`{name}` has colours of a kind that is read from whole files alone; {download}")
    return dataset
