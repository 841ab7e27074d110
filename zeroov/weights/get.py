"""Download what a recipe needs: hub models through huggingface_hub, SAM's official files with resuming and md5."""

from __future__ import annotations

import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from zeroov.errors import ModelError, did_you_mean
from zeroov.files.content import cache_folder, digest_of
from zeroov.files.paths import expanded
from zeroov.weights import official
from zeroov.weights.complete import NO_UNET, broken_files, lacks_unet, wanted_files
from zeroov.weights.find import HUB_ID, STAGE_OF_PART, Part, locate, looks_like_path, snapshot
from zeroov.weights.needs import Requirement
from zeroov.weights.places import PACKAGE

CHUNK = 1 << 20
PATIENCE_S = 30.0


def get(need: Requirement) -> None:
    """Bring what is missing to this machine, and refuse it where it is not complete then."""
    if need.kind == "sam":
        download_checkpoint(need.reference, checkpoint_target(need.reference))
    else:
        download_model(need.reference, need.revision, need.kind)
    locate(need.kind, need.reference, need.revision)


def download_model(reference: str, revision: str, part: Part) -> None:
    """Download a hub model's needed files into the Hugging Face cache; a broken download goes on where it stopped."""
    stage = STAGE_OF_PART[part]
    if looks_like_path(reference) or not HUB_ID.fullmatch(reference):
        raise ModelError(f"{stage}.model `{reference}` is a folder of yours and cannot be downloaded")
    _refuse_offline(reference)
    from huggingface_hub import HfApi, constants, errors, snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    _drop_broken(reference, revision, part)
    pinned = revision or None
    page = f"{constants.ENDPOINT}/{reference}"
    try:
        listed = HfApi().list_repo_files(reference, revision=pinned)
        if lacks_unet(part, listed):
            raise ModelError(f"{stage}.model `{reference}` is not downloaded: {NO_UNET}")
        snapshot_download(reference, revision=pinned, allow_patterns=wanted_files(part, listed))
    except errors.GatedRepoError as error:
        raise ModelError(f"`{reference}` asks to accept its licence: do so at {page}, then `hf auth login`") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelError(f"the hub knows no `{reference}`, or it is private (`hf auth login`): {page}") from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"`{reference}` has no revision `{revision}`; see {page}/commits/main, or take the newest with "
            f"`--set {stage}.revision=`"
        ) from error
    except _network_errors() as error:
        raise _interrupted(page, error) from error


def download_checkpoint(reference: str, target: Path, base_url: str = official.SAM_URL) -> None:
    """Download an official SAM checkpoint to `target`: resumed from `<target>.part`, and checked."""
    known = official.SAM_FILES.get(target.name)
    if known is None:
        raise ModelError(
            f"no download is known for the SAM checkpoint `{reference}`{did_you_mean(target.name, official.SAM_FILES)}"
        )
    _refuse_offline(reference)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        start = part.stat().st_size if part.exists() else 0
        _require_room(target.parent, known.bytes - start)
        if start != known.bytes:
            _stream(f"{base_url}/{target.name}", part, start if start < known.bytes else 0, known.bytes)
        size = part.stat().st_size
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)  # longer than what the server has: asking for its rest never ends
        raise _interrupted(f"{base_url}/{target.name}", error, part) from error
    if size < known.bytes:
        raise _interrupted(f"{base_url}/{target.name}", f"the connection ended after {size:,} bytes", part)
    found = digest_of(part, "md5")
    if found != known.md5:
        part.unlink()
        raise ModelError(
            f"what {base_url}/{target.name} sent has md5 {found}, expected {known.md5}, and was removed; "
            "try again, and look for a proxy that answers in its place"
        )
    part.replace(target)


def checkpoint_target(reference: str) -> Path:
    """Return where a missing checkpoint is put: its own path, or a bare name in the first folder meant for it."""
    if looks_like_path(reference) or Path(reference).name != reference:
        return expanded(reference)
    if own := os.environ.get("ZEROOV_SAM_DIR"):
        return expanded(own) / reference
    for folder in (Path.cwd() / "sam_checkpoint", PACKAGE.parent / "sam_checkpoint"):
        if folder.is_dir() and os.access(folder, os.W_OK):
            return folder / reference
    return cache_folder() / "sam" / reference


def copying(need: Requirement) -> str:
    """Return what to copy where, for a machine without a network."""
    if need.kind == "sam":
        target = checkpoint_target(need.reference)
        return f"{need.stage}: copy {official.SAM_URL}/{target.name} to {target}"
    from huggingface_hub import constants

    folder = f"models--{need.reference.replace('/', '--')}"
    return (
        f"{need.stage}: where there is a network, `zeroov models get` puts {folder} into ~/.cache/huggingface/hub; "
        f"copy that folder, links kept (`rsync -a`), to {Path(constants.HF_HUB_CACHE) / folder}; "
        f"or copy the model's plain folder anywhere and use `--set {need.stage}.model=FOLDER`"
    )


def _stream(url: str, part: Path, start: int, total: int) -> None:
    """Write the bytes of `url` from `start` on to `part`; all of them where the server knows no ranges."""
    from rich import progress
    from rich.console import Console

    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        console = Console(stderr=True, quiet=not sys.stderr.isatty())  # rich before 15 ends a line even when disabled
        columns = (*progress.Progress.get_default_columns(), progress.DownloadColumn(), progress.TransferSpeedColumn())
        with part.open("ab" if resumed else "wb") as file, progress.Progress(*columns, console=console) as bar:
            task = bar.add_task(part.stem, total=total, completed=start if resumed else 0)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.advance(task, len(chunk))
            file.flush()
            os.fsync(file.fileno())


def _refuse_offline(reference: str) -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:  # or TRANSFORMERS_OFFLINE
        raise ModelError(f"HF_HUB_OFFLINE is set, so `{reference}` is not downloaded; unset it, or copy the files here")


def _drop_broken(reference: str, revision: str, part: Part) -> None:
    """Remove broken files from the cache: huggingface_hub takes a file that exists for a complete one."""
    try:
        folder = snapshot(reference, revision, STAGE_OF_PART[part])
    except ModelError:  # not in the cache at all
        return
    for file in broken_files(folder, part):
        file.resolve().unlink(missing_ok=True)  # the blob, which other names may share
        file.unlink(missing_ok=True)


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed; make room, or name another "
            "folder with $ZEROOV_SAM_DIR"
        )


def _network_errors() -> tuple[type[BaseException], ...]:
    """Return what huggingface_hub raises when the network fails.

    Its HTTP library has changed with its versions, and that library's own errors are a base of the hub's; hf_xet, which
    does the transfer where it is installed, raises plain RuntimeErrors.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, RuntimeError)


def _interrupted(url: str, cause: BaseException | str, part: Path | None = None) -> ModelError:
    words = " ".join(str(cause).split())[:160] or type(cause).__name__
    kept = f" (kept so far: {part})" if part and part.exists() else ""
    return ModelError(f"downloading {url} failed: {words}; the same command again goes on where it stopped{kept}")
