"""Draw the training runs in `scripts/training/runs`: `python -m scripts.training.plot_curves docs/mini_curves.png`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

RUNS = Path(__file__).parent / "runs"
ONE_GO = RUNS / "one_go"
"""What the commands as they stand do from nothing, as far as they were run; drawn dashed."""
LAYER = 2
"""The layer whose pointing is drawn: the first of recipe `mini`."""
SHIPPED = (3256, 0.664)
"""Step of the shipped diffusion model, and its IoU on 100 validation scenes as its card has it."""
BLUE, ORANGE, GREEN, RED = "#3465a4", "#ce7b12", "#4e8f3a", "#b03a3a"


def lines_of(path: Path, *names: str) -> list[dict[str, Any]]:
    """Return the lines of a curve that hold all these names, in their order."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if all(name in line for name in names)]


def rising(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what a restart took back: lines whose step comes again later."""
    kept: list[dict[str, Any]] = []
    for line in lines:
        while kept and kept[-1]["step"] >= line["step"]:
            kept.pop()
        kept.append(line)
    return kept


def draw_vlm(axes: Axes, against: str, unit: float) -> None:
    """Draw box Pr@0.5 and pointing."""
    for folder, style, note in ((RUNS, "-", ""), (ONE_GO, "--", ", one go")):
        lines = rising(lines_of(folder / "vlm_curve.jsonl", "val"))
        x = [line[against] / unit for line in lines]
        boxes = [line["val"]["pr50"] for line in lines]
        pointing = [line["val"]["pointing"][LAYER] for line in lines]
        axes.plot(x, boxes, f"o{style}", ms=3, color=BLUE, label=f"box Pr@0.5{note}")
        axes.plot(x, pointing, f"s{style}", ms=3, color=ORANGE, label=f"pointing, layer {LAYER}{note}")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=7, loc="lower right")


def draw_sam(axes: Axes) -> None:
    """Draw the loss, and the mask IoU on a second axis."""
    right = axes.twinx()
    for folder, style, note in ((RUNS, "-", ""), (ONE_GO, "--", ", one go")):
        lines = rising(lines_of(folder / "sam_curve.jsonl", "loss"))
        axes.plot([line["step"] for line in lines], [line["loss"] for line in lines], style, color="0.5", lw=1)
        measured = lines_of(folder / "sam_curve.jsonl", "val")
        for name, label, colour in (("box", "box", BLUE), ("point", "point", ORANGE)):
            values = [line["val"][name] for line in measured]
            steps = [line["step"] for line in measured]
            right.plot(steps, values, f"o{style}", ms=3, color=colour, label=f"IoU, {label}{note}")
    axes.set_ylim(0)
    axes.set_ylabel("loss (grey)")
    right.set_ylim(0, 1)
    right.legend(loc="center right", fontsize=7)


def draw_diffusion(axes: Axes) -> None:
    """Draw two losses, and the mask IoU of Evolve on a second axis; the shipped model as a star."""
    right = axes.twinx()
    for folder, style, note in ((RUNS, "-", ""), (ONE_GO, "--", ", one go")):
        lines = rising(lines_of(folder / "diffusion_curve.jsonl", "noise", "place"))
        steps = [line["step"] for line in lines]
        for name, colour in (("noise", "0.6"), ("kind", GREEN)):
            axes.plot(steps, [line[name] for line in lines], style, color=colour, label=f"loss, {name}{note}", lw=1)
        measured = rising(lines_of(folder / "diffusion_curve.jsonl", "val"))
        at, found = [line["step"] for line in measured], [line["val"]["evolve0.4"] for line in measured]
        right.plot(at, found, f"o{style}", ms=3, color=BLUE, label=f"IoU, evolve{note}")
    right.plot(*SHIPPED, "*", ms=9, color=RED, label="IoU, evolve, as shipped")
    axes.set_yscale("log")
    right.set_ylim(0, 1)
    handles = [one for part in (axes, right) for one in part.get_legend_handles_labels()[0]]
    right.legend(handles=handles, fontsize=7, loc="upper right")


def draw(path: Path) -> None:
    """Draw the four panels."""
    figure, ((steps, hours), (sam, diffusion)) = plt.subplots(2, 2, figsize=(10, 6.4), layout="constrained")
    draw_vlm(steps, "step", 1)
    draw_vlm(hours, "seconds", 3600)
    thin = {"arrowstyle": "-", "lw": 0.6}
    steps.annotate("`said` loss begins (shipped run)", (2784, 0.55), (300, 0.9), fontsize=7, arrowprops=thin)
    steps.set(title="VLM: 128 validation scenes", xlabel="steps")
    hours.set(title="the same against time", xlabel="hours in the trainer")
    draw_sam(sam)
    sam.set(title="SAM: 30 validation scenes", xlabel="steps")
    draw_diffusion(diffusion)
    diffusion.set(title="diffusion: 24 validation scenes", xlabel="steps")
    for axes in (steps, hours, sam, diffusion):
        axes.grid(alpha=0.25)
        axes.set_xlim(0)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    with Image.open(path) as picture:
        picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(path, optimize=True)


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=Path("docs/mini_curves.png"))
    draw(parser.parse_args().path)


if __name__ == "__main__":
    main()
