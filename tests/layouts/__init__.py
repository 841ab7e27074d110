"""The miniature world written in the exact layout of each benchmark, so that everything can be tried without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.layouts import lists, own, phrases, refer, voc, vrsbench
from tests.layouts.drawn import SEEDS, Drawn, Scenes, draw
from zeroov.errors import UsageError, did_you_mean

__all__ = ["LAYOUTS", "Drawn", "write_layout"]

Writer = Callable[[Path, Mapping[str, Scenes]], None]


@dataclass(frozen=True)
class Layout:
    """How a benchmark is written: its writer, expressions per scene, and whether they mean one object."""

    write: Writer
    per_scene: int = 2
    one_object: bool = False
    seeds: Mapping[str, tuple[str, int]] | None = None


def _family(name: str, folder: str, split_by: str, listed: str) -> dict[str, Layout]:
    return {
        name: Layout(partial(refer.write_refcoco, name=folder, split_by=split_by), per_scene=3),
        f"{name}/lists": Layout(partial(lists.write_lists, name=listed), per_scene=3),
    }


LAYOUTS: dict[str, Layout] = {
    "rrsisd": Layout(refer.write_rrsisd, per_scene=1),
    "risbench": Layout(phrases.write_risbench),
    "refsegrs": Layout(phrases.write_refsegrs, one_object=True),
    "dior-rsvg": Layout(voc.write_dior_rsvg),
    "opt-rsvg": Layout(voc.write_opt_rsvg),
    "rsvg-hr": Layout(phrases.write_rsvg_hr, one_object=True),  # its pictures are named after their kind
    # Its val is what the field tests on.
    "vrsbench": Layout(vrsbench.write_evaluation, per_scene=3, seeds=SEEDS | {"val": SEEDS["test"]}),
    "vrsbench/images": Layout(vrsbench.write_per_image, per_scene=3, seeds=SEEDS | {"val": SEEDS["test"]}),
    **_family("refcoco", "refcoco", "unc", "unc"),
    **_family("refcoco+", "refcoco+", "unc", "unc+"),
    **_family("refcocog-google", "refcocog", "google", "gref"),
    **_family("refcocog-umd", "refcocog", "umd", "gref_umd"),
    **_family("referit", "refclef", "berkeley", "referit"),
    "mini-hard": Layout(own.write_jsonl, seeds=SEEDS | {"plain": SEEDS["test"]}),
    "file": Layout(own.write_csv),
    "file/jsonl": Layout(own.write_jsonl),
}


def write_layout(
    name: str, folder: Path, counts: Mapping[str, int], height_width: tuple[int, int] = (224, 224)
) -> dict[str, tuple[Drawn, ...]]:
    """Write scenes as the benchmark `name` keeps its own, `counts` expressions per split; return what is true.

    Some benchmarks circulate in a second form: `vrsbench/images`, `refcoco/lists`, `file/jsonl`. Scenes come from the
    seeds of their split, so that test scenes are those that no miniature model saw. The same call writes the same
    files.
    """
    if name not in LAYOUTS:
        raise UsageError(f"no layout `{name}`{did_you_mean(name, LAYOUTS)}")
    layout = LAYOUTS[name]
    seeds = layout.seeds or SEEDS
    for split in counts:
        if split not in seeds:
            raise UsageError(f"no seeds for a split `{split}`{did_you_mean(split, seeds)}")
    drawn = {
        split: draw(*seeds[split], count, layout.per_scene, layout.one_object, height_width)
        for split, count in counts.items()
    }
    layout.write(folder, drawn)
    return {split: tuple(question for scene in scenes for question in scene) for split, scenes in drawn.items()}
