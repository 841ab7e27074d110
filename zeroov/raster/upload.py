"""Which kinds of files of other people are opened, and by whom: kinds that hold all of their pixels.

Other kinds (VRT, and whatever else GDAL knows) can name any file of this machine. They are refused unopened.
"""

from __future__ import annotations

from pathlib import Path

from zeroov.errors import PictureError
from zeroov.raster import geotiff
from zeroov.raster.decode import PNG

THROUGH_GDAL = (*geotiff.MAGIC, b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51\x00")
THROUGH_PIL = (PNG, b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
TAKEN = "TIFF, PNG, JPEG, JPEG 2000, WebP, GIF or BMP"


def is_for_gdal(file: Path) -> bool:
    """Return whether GDAL opens an uploaded file, or PIL alone; refuse a kind that neither is to open."""
    with file.open("rb") as stream:
        head = stream.read(16)
    if head.startswith(THROUGH_GDAL):
        return True
    if not head.startswith(THROUGH_PIL):
        raise PictureError(f"`{file}` is no image of a kind that is taken; send the bytes of one {TAKEN} file")
    return False
