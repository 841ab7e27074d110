"""Where the models are that come with zeroov, by the name in `builtin:NAME`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from zeroov.errors import ModelError, did_you_mean
from zeroov.files.content import cache_folder
from zeroov.version import __version__
from zeroov.weights.find import Located, fingerprint
from zeroov.weights.places import PACKAGE


def locate_builtin(reference: str, part: str) -> Located:
    """Find a part of the models of `builtin:NAME`: a folder, e.g. `vlm`, or the file `sam.pth`."""
    name = reference.removeprefix("builtin:")
    if name not in BUILTIN:
        raise ModelError(f"builtin model `{name}` is unknown{did_you_mean(name, BUILTIN)}")
    path = BUILTIN[name](part)
    if not path.exists():
        raise ModelError(f"`{reference}` has no {part}; a model of its own, or `builtin:tiny`, may stand there")
    return Located(path, reference, fingerprint(path))


def _tiny(part: str) -> Path:
    from zeroov.tiny import build

    return build.ensure(part, cache_folder() / f"tiny-{__version__}-{_tiny_sources()}")


@functools.cache
def _tiny_sources() -> str:
    """Return a digest of what makes the tiny models, so that a change of it makes them again."""
    made_with = [version(library) for library in ("transformers", "diffusers")]  # each writes files of its own time
    digest = hashlib.sha256(repr(made_with).encode())
    for source in [*sorted((PACKAGE / "tiny").glob("*.py")), PACKAGE / "refine" / "sam.py"]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:8]


def _mini(part: str) -> Path:
    return PACKAGE / "mini" / "weights" / part


def _mini_list(part: str) -> Path:
    """Return the miniature models with a language model that was taught to list, and a Sam that saw crowded scenes."""
    own = {"vlm": "vlm-list", "sam.pth": "sam-list.pth"}
    return PACKAGE / "mini" / "weights" / own.get(part, part)


# Models that come with zeroov: a name, and where the folder or file of a part lies (made on the spot if need be).
BUILTIN: dict[str, Callable[[str], Path]] = {"tiny": _tiny, "mini": _mini, "mini-list": _mini_list}
