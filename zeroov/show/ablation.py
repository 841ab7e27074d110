"""Draw what `zeroov bench ablate` found: one key as lines with intervals, several as maps of colour."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from zeroov.errors import count_of
from zeroov.files.atomic import write_atomically
from zeroov.show.page import GREY, INK, Page, form_of
from zeroov.show.words import FAMILY, wrapped

MOST = 6  # maps of colour side by side
# The figures of a row in the order of the table: name, a colour that colour-blind readers distinguish (Okabe and Ito),
# and a line and a mark that grey print distinguishes.
FIGURES = {
    ("pointing", "attention"): ("pointing of A_C", "#0072b2", ":", "s"),
    ("pointing", "fused"): ("pointing of the fused map", "#56b4e9", "-.", "D"),
    ("box", "mIoU"): ("box mIoU", "#009e73", "--", "^"),
    ("mask", "mIoU"): ("mask mIoU", "#d55e00", "-", "o"),
}
LETTERS = 9  # of the title that fit into an inch
ASIDE = 2.4  # points from one figure's intervals to the next one's
PLAIN: dict[str, Any] = {"family": FAMILY, "parse_math": False}

Row = Mapping[str, Any]


def write_ablation(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Draw the document of `zeroov bench ablate --json` and write it as the file's name asks: PNG, PDF or SVG."""
    form = form_of(path)
    rows: Sequence[Row] = document["settings"]
    values = {key: _values(rows, key) for key in document["keys"]}
    keys = sorted(values, key=lambda key: -len(values[key]))
    if len(keys) == 1 or len(values[keys[1]]) == 1:
        page = _draw_lines(rows, keys[0], values[keys[0]])
    else:
        page = _draw_maps(rows, keys, values)
    title = (
        f"{document['run']}: {count_of(len(rows), 'setting')}, {count_of(document['samples'], 'sample')}, before Refine"
    )
    fitting = wrapped(title, int(LETTERS * page.figure.get_figwidth()), 4)
    page.figure.suptitle(fitting, size=12, weight="bold", color=INK, **PLAIN)
    write_atomically(path, page.encoded(form))


def _values(rows: Sequence[Row], key: str) -> list[Any]:
    """Return a key's different values, numbers in their order, others as they come."""
    found = [row["setting"][key] for row in rows]
    found = [value for place, value in enumerate(found) if value not in found[:place]]
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _draw_lines(rows: Sequence[Row], key: str, values: Sequence[Any]) -> Page:
    """Draw every figure in percent over a key's values, with its 95 % interval as an upright line.

    Marks stand at their values. Intervals stand a little beside one another, and marks of figures that are alike lie
    upon one another, the smaller one above, so that nothing hides another figure. A star is on the run's own setting,
    a ring on the best one.
    """
    page = Page(max(5.2, 2 + 0.45 * len(values)), 5.0, layout="constrained")
    axes = page.figure.subplots()
    drawn = sorted(rows, key=lambda row: values.index(row["setting"][key]))
    there = {figure: style for figure, style in FIGURES.items() if figure[1] in rows[0].get(figure[0], {})}
    for number, ((part, name), (label, colour, line, mark)) in enumerate(there.items()):
        x = [values.index(row["setting"][key]) for row in drawn]
        y = np.array([row[part][name] for row in drawn])
        low, high = np.array([row[part][f"{name}_interval"] for row in drawn]).T
        above: dict[str, Any] = {"color": colour, "zorder": 3 - 0.1 * number, "clip_on": False}
        axes.plot(x, y, marker=mark, linestyle=line, markersize=4 + 1.4 * number, label=label, **above)
        points = ASIDE * (number - (len(there) - 1) / 2)
        aside = ScaledTranslation(points / 72, 0, page.figure.dpi_scale_trans)
        axes.vlines(x, low, high, linewidth=1, transform=axes.transData + aside, **above)
        for at, share, row in zip(x, y, drawn, strict=True):
            if row["own"]:
                axes.plot(at, share, "*", color=colour, markersize=13, markeredgecolor="black", zorder=4, clip_on=False)
            if share == y.max() > y.min():
                axes.plot(at, share, "o", color="none", markersize=15, markeredgecolor="black", zorder=5, clip_on=False)
    axes.plot([], [], "*", color="white", markersize=11, markeredgecolor="black", label="the recipe's own setting")
    axes.plot([], [], "o", color="none", markersize=10, markeredgecolor="black", label="the best")
    _name(axes, key, values, along="x")
    axes.set_ylim(0, 100)
    axes.set_ylabel("percent", size=9, color=INK, **PLAIN)
    page.figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    axes.grid(color="#e3e5ea", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return page


def _draw_maps(rows: Sequence[Row], keys: Sequence[str], values: Mapping[str, list[Any]]) -> Page:
    """Draw the mIoU in percent over the two keys with most values, a map for each choice of the others.

    One scale holds for all maps of a target; a dot is on its best setting, a star on the run's own. Of many maps those
    of the best settings are drawn.
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
                if table[place] == max(scores):
                    axes.plot(place[1], place[0], "o", markersize=6, markerfacecolor="white", markeredgecolor="black")
                if row["own"]:
                    axes.plot(place[1], place[0], "*", markersize=11, markerfacecolor="white", markeredgecolor="black")
            image = axes.imshow(table, origin="lower", vmin=min(scores), vmax=max(scores), aspect="auto")
            axes.set_title(f"{name}: {np.nanmax(table):.2f} at most".removeprefix(": "), size=8.5, color=INK, **PLAIN)
            _name(axes, along, values[along], along="x")
            _name(axes, down, values[down], along="y")
        bar = page.figure.colorbar(image, ax=list(line), fraction=0.05, label=f"{target} mIoU, percent")
        bar.ax.tick_params(labelsize=7, colors=GREY)
    page.figure.supxlabel("A dot is on the best setting, a star on the recipe's own.", size=8, color=GREY, **PLAIN)
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
