"""Attention heads that were fixed once: in a recipe a text like "3.1 5.0 5.2", layer.head; in a file with their origin.

A recipe takes a file, and holds what it says from then on: so its digest is that of the heads, wherever the file lies.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.errors import RecipeError

TEXT = re.compile(r"\d{1,3}\.\d{1,3}(?: \d{1,3}\.\d{1,3})*(?: of (?P<model>\S.*) at (?P<revision>\S+))?")
FORM = 'takes a number, heads as "LAYER.HEAD LAYER.HEAD ...", both from 0, or a file of `zeroov bench heads`'


@dataclass(frozen=True)
class Heads:
    """Heads as (layer, head), both 0-based, sorted; of the model of this name and revision, "" where nobody says."""

    pairs: tuple[tuple[int, int], ...]
    model: str = ""
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.plain} of {self.model} at {self.revision}" if self.model else self.plain

    @property
    def plain(self) -> str:
        """The heads alone, as text."""
        return " ".join(f"{layer}.{head}" for layer, head in self.pairs)

    @property
    def by_layer(self) -> dict[int, list[int]]:
        """The heads of each layer."""
        found: dict[int, list[int]] = {}
        for layer, head in self.pairs:
            found.setdefault(layer, []).append(head)
        return found

    @property
    def weights(self) -> tuple[float, ...]:
        """What each layer counts: its share of the heads."""
        return tuple(len(heads) / len(self.pairs) for heads in self.by_layer.values())

    def require(self, model: str, revision: str) -> None:
        """Refuse another model than the one whose heads these are; its revision tells its weights."""
        if self.model and self.revision != revision:
            raise RecipeError(
                f"overview.heads are those of {self.model} at {self.revision}, and overview.model is {model} at "
                f"{revision}: a head's number means nothing in another model; choose its own with `zeroov bench heads`"
            )


def heads_of(text: str) -> Heads:
    """Return what a text names, which may be a file's name."""
    if found := TEXT.fullmatch(text):
        pairs = [each.split(".") for each in text.partition(" of ")[0].split()]
        return _sorted([(int(layer), int(head)) for layer, head in pairs], found["model"], found["revision"])
    if not text.endswith(".toml"):
        raise RecipeError(f"overview.heads = `{text[:80]}` {FORM}")
    path = Path(text)
    try:
        path = path.expanduser()
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"the file of heads `{path}` cannot be read ({error.strerror}); {FORM}") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"the file of heads `{path}` is not TOML: {error}") from error
    except RuntimeError as error:  # `~name` of nobody's home
        raise RecipeError(f"the file of heads `{path}` is in nobody's home; {FORM}") from error
    return _read(said, path)


def _read(said: Mapping[str, Any], path: Path) -> Heads:
    texts = [said.get(name) for name in ("model", "revision", "split")]
    pairs = said.get("heads")
    fine = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 0 <= n < 1000 for n in pair)
        for pair in pairs
    )
    if not fine or not pairs or not all(isinstance(text, str) and text.strip() for text in texts):
        raise RecipeError(
            f"`{path}` is no file of heads: it says model, revision, split, and heads = [[LAYER, HEAD], ...]; "
            "`zeroov bench heads RUN --out FILE` writes one"
        )
    model, revision, split = map(str, texts)
    refuse_test(split, f"the heads of `{path}`")
    return _sorted([(layer, head) for layer, head in pairs], model, revision)


def refuse_test(split: str, what: str) -> None:
    """Refuse what was chosen on a split that is there to be reported on."""
    if "test" in split.lower():
        raise RecipeError(
            f"{what} were chosen on split `{split}`, on which results are reported; choose on another, e.g. val"
        )


def _sorted(pairs: list[tuple[int, int]], model: str | None, revision: str | None) -> Heads:
    if len(set(pairs)) != len(pairs):
        raise RecipeError("overview.heads names a head twice")
    return Heads(tuple(sorted(pairs)), model or "", revision or "")
