"""What zeroov knows of a benchmark, and the one way in which all of them are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zeroov.bench.data.draft import Draft
from zeroov.bench.data.sample import Split
from zeroov.errors import DatasetError, UsageError, did_you_mean
from zeroov.files.paths import expanded

Reader = Callable[[Path, str], Draft]
"""Reads one split of the data set below a root."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its splits with their published counts of expressions (`None`: none published), and its reader.

    `layout` is what is looked for below the root, a line each; `source` says where to get it; `same_split` gives
    other names of splits. Where kinds of expression are drawn as often as it takes to measure them, `real_shares` are
    their shares of real expressions, in percent; `absent_kind` is the kind whose objects are not there.
    """

    name: str
    title: str
    splits: Mapping[str, int | None]
    layout: tuple[str, ...]
    source: str
    has_masks: bool
    reader: Reader = field(repr=False)
    aliases: tuple[str, ...] = ()
    same_split: Mapping[str, str] = field(default_factory=dict)
    real_shares: Mapping[str, float] = field(default_factory=dict)
    absent_kind: str = ""

    def split_named(self, split: str) -> str:
        """Return the split's own name; refuse an unknown one."""
        name = self.same_split.get(split, split)
        if name not in self.splits:
            raise UsageError(f"{self.title} has no split `{split}`{did_you_mean(split, self.splits)}")
        return name

    def read(self, root: str | Path, split: str) -> Split:
        """Read a split: its samples in the official order, and everything odd that was met. No image is opened.

        The rules for odd lines are in `zeroov.bench.data.draft`.
        """
        name, root = self.split_named(split), expanded(root)
        if not root.exists():
            raise DatasetError(f"`{root}` does not exist; --root names where {self.title} is. Get it: {self.source}")
        draft = self.reader(root, name)
        draft.remark_missing_files()
        return Split(self.name, name, draft.root, tuple(draft.samples), tuple(draft.remarks))
