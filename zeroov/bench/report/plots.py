"""Plots as SVG within the page: sharp on paper, with text that can be selected. Series differ in shape and in line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zeroov.bench.report.markup import Markup, element
from zeroov.bench.scoring.score import Figure

LABELS, WIDTH, RIGHT = 190, 430, 30  # of the names, the axis, and what is beyond it, in units of the drawing
LINE = 15  # units from one series to the next
MOST = 30  # groups of one plot


@dataclass(frozen=True)
class Group:
    """A line of a plot: its name, how many samples it has, and a figure for each series, by the series' name."""

    name: str
    samples: int
    figures: Mapping[str, Figure]


def interval_plot(groups: Sequence[Group], series: Sequence[str], axis: str) -> Markup:
    """Return a plot of each group's figures, from 0 to 100 percent, with their 95 % intervals as lines."""
    top, step = 26, LINE * len(series) + 8
    height = top + step * len(groups) + 34
    parts = [_legend(series), *_grid(top, top + step * len(groups), axis)]
    for number, group in enumerate(groups):
        middle = top + step * number + step / 2
        label = f"{group.name if len(group.name) <= 22 else group.name[:21] + '…'} (n = {group.samples})"
        name = element("title", group.name) if len(group.name) > 22 else ""
        parts.append(element("text", label, name, x=LABELS - 8, y=middle + 4, text_anchor="end"))
        for place, key in enumerate(series):
            if key in group.figures:
                y = middle + LINE * (place - (len(series) - 1) / 2)
                parts.append(_interval(group.figures[key], y, place, f"{group.name}, {key}"))
    return _drawing(parts, height, f"{axis} by group")


def histogram(shares: Sequence[float], axis: str) -> Markup:
    """Return how many samples have which IoU, in ten steps; those of exactly 0 are a step of their own."""
    names = ["0", *(f"{10 * place}-{10 * place + 10}" for place in range(10))]
    counts = [0] * 11
    for share in shares:
        counts[0 if share <= 0 else min(int(share * 10), 9) + 1] += 1
    top, bottom, left, step = 20, 150, 60, 52
    most = max(*counts, 1)
    parts = [element("line", x1=left, x2=left + step * 11, y1=bottom, y2=bottom, class_="axis")]
    for place, (name, count) in enumerate(zip(names, counts, strict=True)):
        x, high = left + step * place, (bottom - top - 14) * count / most
        parts.append(element("rect", x=x + 4, y=bottom - high, width=step - 8, height=high, class_="bar"))
        parts.append(element("text", str(count), x=x + step / 2, y=bottom - high - 4, text_anchor="middle"))
        parts.append(element("text", name, x=x + step / 2, y=bottom + 15, text_anchor="middle", class_="small"))
    parts.append(element("text", axis, x=left + step * 5.5, y=bottom + 33, text_anchor="middle", class_="small"))
    return _drawing(parts, bottom + 40, axis)


def _legend(series: Sequence[str]) -> Markup:
    parts, x = [], float(LABELS)
    for place, name in enumerate(series):
        parts += [_mark(x + 5, 9, place), element("text", name, x=x + 14, y=13)]
        x += 30 + 7 * len(name)
    return element("g", *parts)


def _grid(top: float, bottom: float, axis: str) -> list[Markup]:
    parts = []
    for percent in range(0, 101, 20):
        x = _x(percent / 100)
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="axis" if percent == 0 else "grid"))
        parts.append(element("text", str(percent), x=x, y=bottom + 15, text_anchor="middle", class_="small"))
    parts.append(element("text", axis, x=_x(0.5), y=bottom + 30, text_anchor="middle", class_="small"))
    return parts


def _interval(figure: Figure, y: float, place: int, about: str) -> Markup:
    text = f"{about}: {figure.cell(True).plain}"
    line = element("line", x1=_x(figure.low), x2=_x(figure.high), y1=y, y2=y, class_=f"interval series{place}")
    return element("g", element("title", text), line, _mark(_x(figure.value), y, place))


def _mark(x: float, y: float, place: int) -> Markup:
    """Return a filled circle, an open square or a filled diamond: series differ without colours."""
    if place == 0:
        return element("circle", cx=x, cy=y, r=4, class_="series0 full")
    if place == 1:
        return element("rect", x=x - 4, y=y - 4, width=8, height=8, class_="series1 open")
    return element("path", d=f"M{x - 5:.1f} {y:.1f}l5 -5l5 5l-5 5z", class_="series2 full")


def _x(share: float) -> float:
    return LABELS + WIDTH * min(max(share, 0.0), 1.0)


def _drawing(parts: Sequence[Markup], height: float, about: str) -> Markup:
    box = f"0 0 {LABELS + WIDTH + RIGHT} {height:.0f}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=about)
