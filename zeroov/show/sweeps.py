"""Draw what `zeroov analyse` found: layers as lines, Focus settings as dots, thresholds as maps of colour."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zeroov.files.atomic import write_atomically
from zeroov.show.panel import DPI, GREY, INK
from zeroov.show.words import FAMILY, wrapped

# Colours that colour-blind readers tell apart (Okabe and Ito).
FIGURES = {
    "pointing": ("pointing", "#0072b2"),
    "mask_iou": ("mask mIoU", "#d55e00"),
    "box_iou": ("box mIoU", "#009e73"),
}
WIDEST = 6  # maps of colour in a line
PLAIN: dict[str, Any] = {"family": FAMILY, "parse_math": False}

Row = Mapping[str, Any]


def write_sweep(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Draw the document of an analysis and write it as PNG, whole or not at all."""
    write_atomically(path, draw_sweep(document))


def draw_sweep(document: Mapping[str, Any]) -> bytes:
    """Return a PNG of what `zeroov analyse --json` prints."""
    rows: Sequence[Row] = document["rows"]
    draw = {"layers": _draw_layers, "grids": _draw_settings, "thresholds": _draw_thresholds}[document["analysis"]]
    figure = Figure(dpi=DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(figure, rows)
    title = f"{document['analysis']}: {document['samples']} samples, recipe {document['recipe']}"
    figure.suptitle(title, size=12, weight="bold", color=INK, **PLAIN)
    buffer = io.BytesIO()
    canvas.print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _draw_layers(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw each figure over the layers, with its interval, and beside them the weightings as dots."""
    single = [row for row in rows if len(row["setting"]["layers"]) == 1 and row["name"].startswith("layer ")]
    others = [row for row in rows if row not in single]
    figure.set_size_inches(4 + 0.22 * len(single) + 0.9 * len(others), 4.2)
    alone, together = figure.subplots(
        1, 2, sharey=True, width_ratios=[3 + 0.22 * len(single), 0.6 + 0.9 * max(len(others), 1)]
    )
    numbers = [row["setting"]["layers"][0] for row in single]
    for figure_name, (label, colour) in FIGURES.items():
        means, lows, highs = _figures(single, figure_name)
        if not np.isnan(means).all():
            alone.plot(numbers, means, "o-", color=colour, markersize=4, label=label)
            alone.fill_between(numbers, lows, highs, color=colour, alpha=0.15, linewidth=0)
    alone.set_xlabel("layer, from 0", **PLAIN)
    alone.set_xticks(numbers if len(numbers) <= 16 else numbers[::2])
    alone.legend(fontsize=8, frameon=False)
    _draw_dots(together, others, vertical=True)
    for axes in (alone, together):
        _tidy(axes)
        axes.set_ylim(0, 1)


def _draw_settings(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw each setting's figures, with their intervals, as dots in a line."""
    figure.set_size_inches(8, 1.6 + 0.6 * len(rows))
    axes = figure.subplots()
    _draw_dots(axes, rows, vertical=False)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5))
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    _tidy(axes)


def _draw_dots(axes: Axes, rows: Sequence[Row], *, vertical: bool) -> None:
    """Draw the rows' figures side by side along one axis, values along the other."""
    for offset, (figure_name, (label, colour)) in zip((-0.18, 0.0, 0.18), FIGURES.items(), strict=True):
        means, lows, highs = _figures(rows, figure_name)
        if np.isnan(means).all():
            continue
        places = np.arange(len(rows)) + offset
        spread = np.stack([means - lows, highs - means])
        style: dict[str, Any] = {"fmt": "o", "color": colour, "markersize": 5, "capsize": 2, "label": label}
        if vertical:
            axes.errorbar(places, means, yerr=spread, **style)
        else:
            axes.errorbar(means, places, xerr=spread, **style)
    names = [wrapped(row["name"], 14 if vertical else 44, 4) for row in rows]
    if vertical:
        axes.set_xticks(range(len(rows)), names, fontsize=7, **PLAIN)
        axes.set_xlim(-0.6, len(rows) - 0.4)
    else:
        axes.set_yticks(range(len(rows)), names, fontsize=8, **PLAIN)


def _draw_thresholds(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw for each k the mIoU over tau and alpha, one scale for all, and a dot on the best of all."""
    figure_name = "mask_iou" if "mask_iou" in rows[0] else "box_iou"
    ks, taus, alphas = (sorted({row["setting"][name] for row in rows}) for name in ("k", "tau", "alpha"))
    values = np.full((len(ks), len(taus), len(alphas)), np.nan)
    for row in rows:
        k, tau, alpha = (row["setting"][name] for name in ("k", "tau", "alpha"))
        values[ks.index(k), taus.index(tau), alphas.index(alpha)] = row[figure_name]["mean"]
    lines = math.ceil(len(ks) / WIDEST)
    columns = math.ceil(len(ks) / lines)
    figure.set_size_inches(1.6 + columns * (0.7 + 0.2 * len(alphas)), 1.4 + lines * (0.9 + 0.24 * len(taus)))
    grid = figure.subplots(lines, columns, squeeze=False)
    best = np.unravel_index(int(np.nanargmax(values)), values.shape)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for place, axes in enumerate(grid.flat):
        if place >= len(ks):
            axes.axis("off")
            continue
        image = axes.imshow(
            values[place], origin="lower", cmap=matplotlib.colormaps["viridis"], vmin=low, vmax=high, aspect="auto"
        )
        axes.set_title(f"k {ks[place]}: {np.nanmax(values[place]):.3f} at most", size=8.5, color=INK, **PLAIN)
        axes.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas], rotation=90)
        axes.set_yticks(range(len(taus)), [f"{tau:g}" for tau in taus])
        axes.tick_params(labelsize=7, colors=GREY)
        if place == best[0]:
            axes.plot(best[2], best[1], "o", markersize=6, markerfacecolor="white", markeredgecolor="black")
        if place % columns == 0:
            axes.set_ylabel("tau", size=8, **PLAIN)
        axes.set_xlabel("alpha", size=8, **PLAIN)
    bar = figure.colorbar(image, ax=grid, fraction=0.05, label=FIGURES[figure_name][0])
    bar.ax.tick_params(labelsize=7, colors=GREY)


def _figures(rows: Sequence[Row], name: str) -> tuple[Any, Any, Any]:
    """Return a figure's means, lower and upper bounds over the rows; NaN where a row has none."""
    nothing = {"mean": np.nan, "interval": [np.nan, np.nan]}
    told = [row.get(name, nothing) for row in rows]
    bounds = np.array([figure["interval"] for figure in told], dtype=np.float64).reshape(-1, 2)
    return np.array([figure["mean"] for figure in told], dtype=np.float64), bounds[:, 0], bounds[:, 1]


def _tidy(axes: Axes) -> None:
    axes.grid(color="#e3e5ea", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
