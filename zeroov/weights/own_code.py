"""Load what lies in a model's folder; Python code that lies there too is never run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zeroov.errors import ModelError


def refuse_own_code(folder: Path, key: str, instead: str) -> None:
    """Refuse a folder that asks for Python code of its own to be run, before transformers reads it.

    `trust_remote_code=False` does not suffice: without a `processor_class` transformers forgets it on its way to the
    image processor and asks on stdin, and transformers 4.57 runs `custom_generate/generate.py` without asking.

    `key` is the recipe's, and `instead` a model that it could name.
    """
    asking = [f"auto_map in {path.name}" for path in sorted(folder.glob("*config*.json")) if _has_auto_map(path)]
    if (folder / "custom_generate" / "generate.py").exists():
        asking.append("custom_generate/generate.py")
    if asking:
        raise ModelError(
            f"the model in `{folder}` brings Python code of its own ({asking[0]}), which zeroov never runs; no model "
            f"that zeroov supports needs any: set {key} to one of those, e.g. {instead}"
        )


def from_folder(kind: Any, folder: Path, **options: Any) -> Any:
    """Return what a class of transformers makes of a folder: nothing is downloaded, and no code of the folder is run.

    Call `refuse_own_code` before: of some folders transformers runs code all the same.
    """
    return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)


def _has_auto_map(path: Path) -> bool:
    """Return whether a JSON file names classes of its folder, at any depth; `False` for one that cannot be read."""
    found: list[bool] = []
    try:
        json.loads(path.read_text(encoding="utf-8"), object_hook=lambda values: found.append("auto_map" in values))
    except (OSError, ValueError, RecursionError):  # transformers reads it next, and says what is wrong with it
        return False
    return any(found)
