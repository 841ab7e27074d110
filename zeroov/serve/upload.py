"""How a picture comes in: its bytes into a file, looked at once, and kept."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from zeroov.errors import PictureError, UsageError
from zeroov.ground import is_large
from zeroov.outputs.found import SceneInfo
from zeroov.raster.scene import Scene
from zeroov.serve.answer import SOURCE, open_upload, without_path
from zeroov.serve.refusal import RequestError
from zeroov.serve.service import Service
from zeroov.serve.shown import described, name_of
from zeroov.serve.store import Upload, lent_state, picture_id


@contextlib.contextmanager
def incoming(service: Service) -> Iterator[Path]:
    """Give a name for a file that comes in; what is left of it in the end is removed."""
    path = service.incoming / secrets.token_hex(8)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def take_bytes(service: Service, data: bytes, name: str, bands: tuple[int, ...] | None) -> Upload:
    """Keep a picture that is in memory."""
    with incoming(service) as path:
        path.write_bytes(data)
        return take(service, path, hashlib.sha256(data).hexdigest(), name, bands)


def take(service: Service, path: Path, digest: str, name: str, bands: tuple[int, ...] | None) -> Upload:
    """Keep a picture whose file has come in; one that cannot be read is refused."""
    id = picture_id(digest, bands)
    if service.pictures.find(id):
        return service.pictures.get(id)
    size = path.stat().st_size
    if not size:
        raise PictureError("the body is empty; send the image's bytes, e.g. curl --data-binary @photo.jpg")
    return service.pictures.add(_looked_at(service, path, id, name_of(name or SOURCE), size, bands))


def lend(service: Service, reference: str, bands: tuple[int, ...] | None) -> Upload:
    """Take a file of a named folder as a picture; it stays where it is."""
    path = service.folder_file(reference)
    if not path.is_file():
        raise RequestError(404, f"there is no file `{reference[:120]}`", "GET /v1/folders/NAME lists them")
    state = lent_state(path) or (0, 0)
    id = picture_id(f"{path} {state}", bands)
    if service.pictures.find(id):
        return service.pictures.get(id)
    return service.pictures.add(_looked_at(service, path, id, name_of(path), state[0], bands, lent=state))


def _looked_at(
    service: Service,
    path: Path,
    id: str,
    name: str,
    size: int,
    bands: tuple[int, ...] | None,
    lent: tuple[int, int] | None = None,
) -> Upload:
    """Open a file once and note what it is."""
    try:
        with open_upload(path, bands, service.limits.pixels) as scene:
            scene.source = name
            large = is_large(scene.hw, service.pipeline.recipe.search)
            about = described(name, scene, size, large, id, service.drawn_only)
            _require_readable(scene, large)
            return Upload(id, name, path, bands, size, SceneInfo.of(scene), large, lent, about)
    except PictureError as error:
        raise PictureError(without_path(str(error), path)) from error
    except UsageError as error:
        raise UsageError(without_path(str(error), path)) from error


def _require_readable(scene: Scene, large: bool) -> None:
    """Decode a small picture whole, so that a damaged one is refused now; a large one may be read in part."""
    if not large:
        scene.read()
