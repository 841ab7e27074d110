"""Draw what `zeroov bench ablate` found: one key as lines with intervals, several as maps of colour."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from zeroov.files.atomic import write_atomically
from zeroov.show.page import GREY, INK, Page
from zeroov.show.words import FAMILY, wrapped

MOST = 6  # maps of colour side by side
# The figures of a row, and colours that colour-blind readers distinguish (Okabe and Ito).
FIGURES = {
    ("pointing", "attention"): ("pointing of A_C", "#0072b2"),
    ("pointing", "fused"): ("pointing of the fused map", "#56b4e9"),
    ("mask", "mIoU"): ("mask mIoU", "#d55e00"),
    ("box", "mIoU"): ("box mIoU", "#009e73"),
}
PLAIN: dict[str, Any] = {"family": FAMILY, "parse_math": False}

Row = Mapping[str, Any]


def write_ablation(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Draw the document of `zeroov bench ablate --json` and write it as PNG, whole or not at all."""
    rows: Sequence[Row] = document["settings"]
    values = {key: _values(rows, key) for key in document["keys"]}
    keys = sorted(values, key=lambda key: -len(values[key]))
    if len(keys) == 1 or len(values[keys[1]]) == 1:
        page = _draw_lines(rows, keys[0], values[keys[0]])
    else:
        page = _draw_maps(rows, keys, values)
    title = f"{document['run']}: {len(rows)} settings, {document['samples']} samples, before Refine"
    page.figure.suptitle(title, size=12, weight="bold", color=INK, **PLAIN)
    write_atomically(path, page.png())


def _values(rows: Sequence[Row], key: str) -> list[Any]:
    """Return a key's different values, numbers in their order, others as they come."""
    found = [row["setting"][key] for row in rows]
    found = [value for place, value in enumerate(found) if value not in found[:place]]
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _draw_lines(rows: Sequence[Row], key: str, values: Sequence[Any]) -> Page:
    """Draw every figure over a key's values, with its 95 % interval and a star on the run's own setting."""
    page = Page(max(5.2, 2 + 0.45 * len(values)), 4.4, layout="constrained")
    axes = page.figure.subplots()
    places = [values.index(row["setting"][key]) for row in rows]
    for (part, name), (label, colour) in FIGURES.items():
        if name not in rows[0].get(part, {}):
            continue
        drawn = sorted(zip(places, rows, strict=True), key=lambda pair: pair[0])
        x = [place for place, _ in drawn]
        axes.plot(x, [row[part][name] for _, row in drawn], "o-", color=colour, markersize=4, label=label)
        low, high = np.array([row[part][f"{name}_interval"] for _, row in drawn]).T
        axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
        for place, row in drawn:
            if row["own"]:
                axes.plot(place, row[part][name], "*", color=colour, markersize=14, markeredgecolor="black")
    _name(axes, key, values, along="x")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8, frameon=False)
    axes.grid(color="#e3e5ea", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return page


def _draw_maps(rows: Sequence[Row], keys: Sequence[str], values: Mapping[str, list[Any]]) -> Page:
    """Draw the mIoU over the two keys with most values, a map for each choice of the others, a star on the run's own.

    One scale holds for all maps of a target, and a dot is on its best setting; of many maps the best are drawn.
    """
    along, down, *others = keys
    targets = [target for target in ("box", "mask") if "mIoU" in rows[0].get(target, {})]
    choices: dict[str, list[Row]] = {}
    for row in rows:
        named = ", ".join(f"{key.split('.')[-1]} {_text(row['setting'][key])}" for key in others)
        choices.setdefault(named, []).append(row)
    best = sorted(choices, key=lambda name: -max(row[targets[-1]]["mIoU"] for row in choices[name]))[:MOST]
    shown = [name for name in choices if name in best]
    wide, high = len(values[along]), len(values[down])
    width, height = 2 + len(shown) * (0.9 + 0.24 * wide), 1.4 + len(targets) * (1.2 + 0.26 * high)
    page = Page(width, height, layout="constrained")
    grid = page.figure.subplots(len(targets), len(shown), squeeze=False)
    for line, target in zip(grid, targets, strict=True):
        scores = [row[target]["mIoU"] for row in rows]
        for axes, name in zip(line, shown, strict=True):
            table = np.full((high, wide), np.nan)
            for row in choices[name]:
                place = values[down].index(row["setting"][down]), values[along].index(row["setting"][along])
                table[place] = row[target]["mIoU"]
                if row[target]["mIoU"] == max(scores):
                    axes.plot(place[1], place[0], "o", markersize=6, markerfacecolor="white", markeredgecolor="black")
                if row["own"]:
                    axes.plot(place[1], place[0], "*", markersize=11, markerfacecolor="white", markeredgecolor="black")
            image = axes.imshow(table, origin="lower", vmin=min(scores), vmax=max(scores), aspect="auto")
            axes.set_title(f"{name}: {np.nanmax(table):.3f} at most".removeprefix(": "), size=8.5, color=INK, **PLAIN)
            _name(axes, along, values[along], along="x")
            _name(axes, down, values[down], along="y")
        bar = page.figure.colorbar(image, ax=list(line), fraction=0.05, label=f"{target} mIoU")
        bar.ax.tick_params(labelsize=7, colors=GREY)
    return page


def _name(axes: Axes, key: str, values: Sequence[Any], *, along: Literal["x", "y"]) -> None:
    """Write a key and its values at an axis."""
    texts = [wrapped(_text(value), 16, 2) for value in values]
    if along == "x":
        axes.set_xlabel(key, size=9, color=INK, **PLAIN)
        axes.set_xticks(range(len(values)), texts, rotation=90, **PLAIN)
    else:
        axes.set_ylabel(key, size=9, color=INK, **PLAIN)
        axes.set_yticks(range(len(values)), texts, **PLAIN)
    axes.tick_params(labelsize=7, colors=GREY)


def _text(value: Any) -> str:
    if isinstance(value, dict):  # layers with weights
        value = [f"{name}={weight:g}" for name, weight in value.items()]
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
