"""The report: one document with all checks, to attach to an issue. It names no person, computer or folder."""

from __future__ import annotations

import contextlib
import getpass
import platform
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zeroov.doctor.check import VERDICTS, Check
from zeroov.doctor.machine import version_of, wanted
from zeroov.recipe import Recipe
from zeroov.version import __version__
from zeroov.weights.find import is_builtin, looks_like_path
from zeroov.weights.places import PACKAGE

START = r"(?:~|\.{0,2}/(?!/)|[A-Za-z]:[\\/]|\\\\)"  # of a path: ~, /, ./, ../, C:\, \\server
QUOTED = re.compile(rf"(?<=([`'\"]))(?={START})[^`'\"\n]*(?=\1)")
BARE = re.compile(rf"(?<![\w./~-]){START}[^\s`'\",;()]+")


def document(recipe: Recipe, checks: Sequence[Check]) -> dict[str, Any]:
    """Return the report as plain values, without anything personal."""
    private = private_words(recipe)

    def public(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: public(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [public(inner) for inner in value]
        return without(value, private) if isinstance(value, str) else value

    rows = [
        {"name": each.name, "verdict": each.verdict}
        | {"measured": public(each.measured), "advice": public(each.advice), "figures": dict(each.figures)}
        for each in checks
    ]
    settings = public(recipe.to_dict())
    return {
        "report": "zeroov doctor",
        "zeroov": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {package.name: version_of(package.name) for package in wanted()},
        "recipe": {"digest": recipe.digest, "settings": settings},
        "verdicts": counts(checks),
        "checks": rows,
    }


def counts(checks: Iterable[Check]) -> dict[str, int]:
    """Return how many checks ended with each verdict."""
    found = Counter(check.verdict for check in checks)
    return {verdict: found[verdict] for verdict in VERDICTS}


def private_words(recipe: Recipe) -> list[tuple[str, str]]:
    """Return what must not be in a report, the longest first, each with what stands there instead."""
    references = (recipe.overview.model, recipe.focus.model, recipe.refine.model or recipe.refine.checkpoint)
    named = [each for each in references if not is_builtin(each) and (looks_like_path(each) or Path(each).exists())]
    folders = {PACKAGE.parent, Path.cwd(), Path(tempfile.gettempdir())}
    with contextlib.suppress(RuntimeError):  # a user without a home
        folders |= {Path.home(), *(Path(each).expanduser() for each in named)}
    spelled = {text for folder in folders for text in (str(folder), str(folder.resolve())) if len(text) > 1}
    written = [
        (text, repr(text)[1:-1], text.replace("'", "'\"'\"'")) for text in (*named, *spelled)
    ]  # plain, Python, shell
    words = dict.fromkeys((text for three in written for text in three), "<path>")
    with contextlib.suppress(OSError, KeyError, ImportError):  # a user id without a name
        words[getpass.getuser()] = "<user>"
    words |= dict.fromkeys((platform.node(), platform.node().partition(".")[0]), "<host>")
    return sorted(((word, stand) for word, stand in words.items() if word), key=lambda pair: -len(pair[0]))


def without(text: str, private: Sequence[tuple[str, str]]) -> str:
    """Return a text with private words and every path replaced."""
    for word, stand in private:
        if stand == "<path>":
            text = re.sub(re.escape(word) + r"(?!\w)", "/<path>", text)  # what follows in it goes with it, below
    text = BARE.sub("<path>", QUOTED.sub("<path>", text))
    for word, stand in private:
        if stand != "<path>":
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", stand, text, flags=re.IGNORECASE)
    return text
