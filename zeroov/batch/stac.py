"""A STAC search's result as a list of images: an ItemCollection in a file or at an address, and the pages after it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any

from zeroov.batch.rows import Row
from zeroov.errors import UsageError, did_you_mean
from zeroov.files.paths import expanded
from zeroov.raster import web

PREFERRED = ("visual", "image", "data", "analytic")
GEOTIFF = "image/tiff"
TRIES, WAIT_SECONDS, TIMEOUT_SECONDS = 4, 0.5, 60


def rows_of(place: str, asset: str | None = None) -> Iterator[Row]:
    """Yield the image of each item: the asset of that name, else one of a usual name, else the only GeoTIFF.

    What the catalogue says of when the item or its file was changed is the image's version.
    """
    following: str | None = place
    while following:
        page = _page(following)
        for item in page.get("features", [page] if page.get("type") == "Feature" else []):
            yield _row(item, following, asset)
        following = _next(page, following)


def _page(place: str) -> dict[str, Any]:
    try:
        page = json.loads(_fetched(place) if web.is_address(place) else expanded(place).read_bytes())
        if not isinstance(page, dict) or page.get("type") not in ("FeatureCollection", "Feature"):
            raise ValueError("no FeatureCollection")
        return page
    except (OSError, ValueError, RecursionError, HTTPException) as error:
        shown = str(error).replace(place, web.shown(place))
        raise UsageError(
            f"`{web.shown(place)}` cannot be read as a STAC search's result ({shown}); save it as an ItemCollection"
        ) from None


def _fetched(address: str) -> bytes:
    for tried in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if (error.code < 500 and error.code != 429) or tried == TRIES:
                raise
        except (urllib.error.URLError, TimeoutError):
            if tried == TRIES:
                raise
        time.sleep(WAIT_SECONDS * 2 ** (tried - 1))
    raise AssertionError


def _row(item: Mapping[str, Any], place: str, asset: str | None) -> Row:
    assets: Mapping[str, Any] = item.get("assets") or {}
    tiffs = [name for name, each in assets.items() if str(each.get("type", "")).startswith(GEOTIFF)]
    names = [asset] if asset else [*(name for name in PREFERRED if name in assets), *(tiffs if len(tiffs) == 1 else [])]
    chosen = next((name for name in names if name in assets), None)
    if chosen is None:
        known = did_you_mean(asset or "", assets) if asset else f"; name one of them: {', '.join(map(str, assets))}"
        lacks = f"no asset {asset}" if asset else "several assets"
        raise UsageError(f"STAC item `{item.get('id')}` has {lacks}{known} (--asset NAME)")
    own = next((link.get("href") for link in item.get("links", []) if link.get("rel") == "self"), None)
    said = assets[chosen]
    href = urllib.parse.urljoin(str(own or place), str(said["href"]))
    version = said.get("file:checksum") or said.get("updated") or item.get("properties", {}).get("updated") or ""
    return Row(href.removeprefix("file://"), str(item.get("id", "")), version=str(version))


def _next(page: Mapping[str, Any], place: str) -> str | None:
    for link in page.get("links", []):
        if link.get("rel") == "next" and link.get("method", "GET") == "GET":
            return urllib.parse.urljoin(place, str(link["href"]))
    return None
