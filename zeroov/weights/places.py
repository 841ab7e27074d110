"""The folders in which zeroov looks for weights and keeps what it made."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def cache_folder() -> Path:
    """Return $ZEROOV_CACHE, or `zeroov` in the user's cache folder."""
    if own := os.environ.get("ZEROOV_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "zeroov"


def checkpoint_folders() -> list[Path]:
    """Return the folders in which a SAM checkpoint's bare file name is looked for, in order."""
    folders = [Path.cwd() / "sam_checkpoint", PACKAGE.parent / "sam_checkpoint"]
    if own := os.environ.get("ZEROOV_SAM_DIR"):
        folders.append(Path(own).expanduser())
    return list(dict.fromkeys([*folders, cache_folder() / "sam"]))
