"""Find a model's files on this machine: never over the network, and never importing torch."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zeroov.errors import ModelError
from zeroov.files.content import remembered_digest
from zeroov.files.paths import expanded
from zeroov.recipe import DetectorRecipe, FocusRecipe, OverviewRecipe, RefineRecipe
from zeroov.weights.complete import NO_UNET, faults, lacks_unet
from zeroov.weights.places import checkpoint_folders

Part = Literal["vlm", "diffusion", "detector", "segmenter"]
Kind = Part | Literal["sam"]
STAGE_OF_PART = {"vlm": "overview", "diffusion": "focus", "detector": "detector", "segmenter": "refine"}
USUAL_MODEL = {
    "overview": OverviewRecipe().model,
    "focus": FocusRecipe().model,
    "detector": DetectorRecipe().model,
    "refine": RefineRecipe().model,
}
CHECKPOINTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")  # how names of files end, never of hub models
HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
log = logging.getLogger("zeroov")
TRY_TINY = "`--recipe mini` tries everything without a download, on scenes drawn by `zeroov demo`"


@dataclass(frozen=True)
class Located:
    """Where a model lies.

    `reference` is what the recipe calls it; `revision` identifies its weights: the hub's commit, or the
    fingerprint of a plain folder or file, which is the same on every machine.
    """

    path: Path
    reference: str
    revision: str


def is_builtin(reference: str) -> bool:
    """Say if a reference names models that come with zeroov."""
    return reference.startswith("builtin:")


def public_name(stage: str, reference: str) -> str:
    """Return what others may know of a stage's model: a builtin's or the hub's id as it is, of a path the last part.

    A checkpoint of the official Segment Anything is a file, never the hub's: `org/sam.pth` is a path.
    """
    is_file = stage == "refine" and reference.endswith(CHECKPOINTS)
    is_public = is_builtin(reference) or (HUB_ID.fullmatch(reference) and not is_file)
    return reference if is_public else Path(reference).name


def locate(kind: Kind, reference: str, revision: str) -> Located:
    """Find the model folder or the SAM checkpoint that a recipe calls `reference`."""
    return locate_checkpoint(reference) if kind == "sam" else locate_model(reference, revision, kind)


def locate_model(reference: str, revision: str, part: Part) -> Located:
    """Find a complete model folder: a folder, or a hub id in the Hugging Face cache.

    `revision` pins a hub id's commit, tag or branch; "" takes the cached `main`. Folders have no revision to pin.
    `org/name` is always the hub's: a folder of that name, which only happens to be here, is written `./org/name`.
    """
    folder = expanded(reference)
    stage = STAGE_OF_PART[part]
    shadows = folder.is_dir() and HUB_ID.fullmatch(reference) is not None
    if folder.is_dir() and not shadows:
        commit = None
    elif looks_like_path(reference):
        raise ModelError(
            f"{stage}.model: the folder `{reference}` does not exist; give an existing one with "
            f"`--set {stage}.model=FOLDER`, or a hub id like `org/name`; {TRY_TINY}"
        )
    else:
        mine = f"; `--set {stage}.model=./{reference}` takes the folder of that name that is here" if shadows else ""
        try:
            folder = snapshot(reference, revision, stage)
        except ModelError as error:
            raise ModelError(f"{error}{mine}") from error
        if shadows:
            log.warning("%s.model `%s` is the model of the Hugging Face hub%s", stage, reference, mine)
        commit = folder.name
    if lacks_unet(part, [file.relative_to(folder).as_posix() for file in folder.glob("*/config.json")]):
        raise ModelError(f"{stage}.model `{reference}`: {NO_UNET}")
    found = faults(folder, part)
    if found:
        cure = "`zeroov models get --recipe NAME` completes it" if commit else "copy it there or name another folder"
        raise ModelError(f"{stage}.model `{reference}` in {folder} is incomplete: {'; '.join(found)}; {cure}")
    return Located(folder.resolve(), reference, commit or fingerprint(folder))


def locate_checkpoint(reference: str) -> Located:
    """Find a SAM checkpoint: a path, or a bare file name in one of `checkpoint_folders()`."""
    path = expanded(reference)
    bare = not looks_like_path(reference) and len(path.parts) == 1
    folders = checkpoint_folders() if bare else []
    for candidate in [path, *(folder / reference for folder in folders)]:
        if candidate.is_file():
            return Located(candidate.resolve(), reference, fingerprint(candidate))
    where = f" in {', '.join(map(str, folders))} or in $ZEROOV_SAM_DIR" if bare else ""
    kind = "is a folder, not a file (a model's folder is named by refine.model)" if path.is_dir() else "was not found"
    raise ModelError(
        f"refine.checkpoint: the SAM checkpoint `{reference}` {kind}{where}; download it with "
        f"`zeroov models get --recipe NAME`, or give its path with `--set refine.checkpoint=FILE`; {TRY_TINY}"
    )


def looks_like_path(reference: str) -> bool:
    """Say if a reference can only be a path, never a hub id or a bare file name."""
    return reference.startswith((".", "/", "~")) or "\\" in reference


def snapshot(reference: str, revision: str, stage: str) -> Path:
    """Return the folder of a hub id in the Hugging Face cache, complete or not."""
    if not HUB_ID.fullmatch(reference):
        raise ModelError(
            f"{stage}.model `{reference}` is neither an existing folder nor a hub id like `org/name`; "
            f"set it with `--set {stage}.model=FOLDER`; {TRY_TINY}"
        )
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # No pattern: only where the snapshot lies is asked. What must be in it, `complete` knows: a part of a
        # repository's files suffices, which huggingface_hub by itself calls an incomplete snapshot.
        found = snapshot_download(reference, revision=revision or None, local_files_only=True, allow_patterns=[])
        return Path(found)
    except (LocalEntryNotFoundError, HFValidationError, FileNotFoundError) as error:
        cache = Path(constants.HF_HUB_CACHE)
        kept = sorted(p.name for p in (cache / f"models--{reference.replace('/', '--')}" / "snapshots").glob("*"))
        pinned = f" at revision {revision}" if revision else ""
        other = f" (cached: {', '.join(kept)}; `--set {stage}.revision=COMMIT` takes one)" if kept else ""
        if revision and not kept and reference != USUAL_MODEL[stage]:
            other = f" (if that revision is another model's, unpin it with `--set {stage}.revision=`)"
        raise ModelError(
            f"{stage}.model `{reference}`{pinned} is not in the Hugging Face cache {cache}{other}; download it with "
            f"`zeroov models get --recipe NAME`, or give a folder with `--set {stage}.model=FOLDER`; {TRY_TINY}"
        ) from error


def fingerprint(path: Path) -> str:
    """Return a digest of a file's bytes, or of the names and bytes of every file under a folder but hidden ones.

    Gigabytes take seconds once; after that each file's digest is remembered for as long as it stays untouched.
    """
    digest = hashlib.sha256()
    for name, file in _files(path):
        digest.update(f"{name}\0{remembered_digest(file, 'sha256')}\0".encode())
    return digest.hexdigest()[:40]


def _files(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [("", path)]  # a checkpoint's name says nothing about its weights
    inside = ((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    kept = ((name, file) for name, file in inside if not any(part.startswith(".") for part in name.parts))
    return sorted((name.as_posix(), file) for name, file in kept)
