"""Numbers in and out of `zeroov analyse`: lists and ranges of thresholds, weightings, rows of figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zeroov.errors import UsageError

MOST = 1000  # values of one range
HEADING = ("", "POINTING", "95 %", "MASK mIoU", "95 %", "BOX mIoU", "95 %", "SAMPLES")

Weighting = tuple[Sequence[int], Sequence[float]]


def numbers(option: str, text: str) -> list[float]:
    """Parse `0.1,0.2` or `first:last:step`, both ends included."""
    try:
        if ":" in text:
            first, last, step = map(float, text.split(":"))
            count = math.floor((last - first) / step + 1e-9) + 1
            values = [round(first + step * place, 9) for place in range(count if count <= MOST else 0)]
        else:
            values = [float(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError):
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise UsageError(f"{option} takes numbers like 0.2,0.3 or first:last:step like 0.1:0.5:0.1, got `{text}`")
    return list(dict.fromkeys(values))


def threshold_grid(k: str, tau: str, alpha: str) -> tuple[list[int], list[float], list[float]]:
    """Parse the three lists of thresholds and check their ranges."""
    counts, taus, alphas = numbers("--k", k), numbers("--tau", tau), numbers("--alpha", alpha)
    if any(count < 1 or count != int(count) for count in counts):
        raise UsageError(f"--k takes whole numbers from 1 on, got `{k}`")
    for option, values, text in (("--tau", taus, tau), ("--alpha", alphas, alpha)):
        if min(values) < 0 or max(values) > 1:
            raise UsageError(f"{option} takes numbers between 0 and 1, got `{text}`")
    return list(map(int, counts)), taus, alphas


def weighting(text: str) -> tuple[str, Weighting]:
    """Parse `16,17=0.3,0.7`: layers and as many weights; return the text as its name."""
    layers, _, weights = text.partition("=")
    try:
        chosen, given = [int(part) for part in layers.split(",")], [float(part) for part in weights.split(",")]
    except ValueError:
        chosen, given = [], []
    fine = chosen and len(chosen) == len(given) == len(set(chosen)) and min(given) >= 0 < sum(given) < math.inf
    if not fine:
        raise UsageError(
            f"--weighting takes LAYERS=WEIGHTS, as many of each and none twice, e.g. 16,17=0.3,0.7, got `{text}`"
        )
    return text, (chosen, given)


def cells(row: Mapping[str, Any]) -> list[str]:
    """Return a row of the table."""
    shown = [row["name"]]
    for figure in ("pointing", "mask_iou", "box_iou"):
        told = row.get(figure)
        shown.append(f"{told['mean']:.3f}" if told else "-")
        shown.append("{:.3f} to {:.3f}".format(*told["interval"]) if told else "")
    return [*shown, str(row["box_iou"]["samples"])]


def summary(document: Mapping[str, Any]) -> str:
    """Say over how many samples, and which truths are not among them."""
    samples, settings = document["samples"], len(document["rows"])
    rate = samples * settings / max(document["seconds"], 1e-3)
    text = f"{samples} samples x {settings} settings of recipe {document['recipe']}, {rate:,.0f} a second"
    if document["without_dumps"]:
        text += f"; {document['without_dumps']} truths have no dumps"
    if document["absent"]:
        text += f"; {document['absent']} have no object"
    return text
