"""Draw what `zeroov bench ablate` found: mIoU over the key with most values, a line for each choice of the others."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zeroov.files.atomic import write_atomically
from zeroov.show.panel import DPI, GREY, INK
from zeroov.show.words import FAMILY

MOST = 12  # lines that can be told apart
# Colours that colour-blind readers tell apart (Okabe and Ito), and then again dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
PLAIN: dict[str, Any] = {"family": FAMILY, "parse_math": False}

Row = Mapping[str, Any]


def write_ablation(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Draw the document of `zeroov bench ablate --json` and write it as PNG, whole or not at all."""
    rows: Sequence[Row] = document["settings"]
    targets = [target for target in ("box", "mask") if "mIoU" in rows[0].get(target, {})]
    figure = Figure(figsize=(5.2 * len(targets), 4.4), dpi=DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    along = max(document["keys"], key=lambda key: len({str(row["setting"][key]) for row in rows}))
    for axes, target in zip(figure.subplots(1, len(targets), squeeze=False).flat, targets, strict=True):
        _draw(axes, rows, target, along)
    figure.suptitle(
        f"{document['run']}: {len(rows)} settings, before Refine", size=12, weight="bold", color=INK, **PLAIN
    )
    buffer = io.BytesIO()
    canvas.print_png(buffer)  # type: ignore[no-untyped-call]
    write_atomically(path, buffer.getvalue())


def _draw(axes: Axes, rows: Sequence[Row], target: str, along: str) -> None:
    """Draw one target's mIoU with its interval; the best lines alone where there are too many."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        rest = ", ".join(f"{key} {value}" for key, value in row["setting"].items() if key != along)
        lines.setdefault(rest, []).append(row)
    best = sorted(lines, key=lambda rest: -max(row[target]["mIoU"] for row in lines[rest]))[:MOST]
    values = list(dict.fromkeys(str(row["setting"][along]) for row in rows))
    numeric = all(isinstance(row["setting"][along], (int, float)) for row in rows)
    for number, rest in enumerate(best):
        drawn = lines[rest]
        x: Any = [row["setting"][along] if numeric else values.index(str(row["setting"][along])) for row in drawn]
        means = np.array([row[target]["mIoU"] for row in drawn])
        low, high = np.array([row[target]["mIoU_interval"] for row in drawn]).T
        colour, dash = COLOURS[number % len(COLOURS)], "o-" if number < len(COLOURS) else "s--"
        axes.plot(x, means, dash, color=colour, markersize=4, linewidth=1.4, label=rest)
        if len(best) <= 3:
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        for place, row in zip(x, drawn, strict=True):
            if row["own"]:
                axes.plot(place, row[target]["mIoU"], "*", color=colour, markersize=15, markeredgecolor="black")
    if not numeric:
        axes.set_xticks(range(len(values)), values, rotation=45, ha="right", fontsize=7, **PLAIN)
    axes.set_xlabel(along, color=INK, **PLAIN)
    axes.set_ylabel(f"{target} mIoU", color=INK, **PLAIN)
    if len(lines) > 1:
        axes.legend(fontsize=7, frameon=False, title=f"the best {MOST} of {len(lines)}" if len(lines) > MOST else None)
    axes.grid(color="#e3e5ea", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
