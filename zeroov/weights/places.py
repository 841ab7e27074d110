"""The folders in which zeroov looks for weights and keeps what it made."""

from __future__ import annotations

import os
from pathlib import Path

from zeroov.files.content import cache_folder
from zeroov.files.paths import expanded

PACKAGE = Path(__file__).resolve().parents[1]


def checkpoint_folders() -> list[Path]:
    """Return the folders in which a SAM checkpoint's bare file name is looked for, in order."""
    folders = [Path.cwd() / "sam_checkpoint", PACKAGE.parent / "sam_checkpoint"]
    if own := os.environ.get("ZEROOV_SAM_DIR"):
        folders.append(expanded(own))
    return list(dict.fromkeys([*folders, cache_folder() / "sam"]))
