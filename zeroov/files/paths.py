"""Where a path that somebody typed leads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with `~` as the home folder; `~name` of nobody's home is an ordinary file name."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
