from __future__ import annotations

from typing import Any

from zeroov.show.ablation import draw_ablation


def document(**keys: list[Any]) -> dict[str, Any]:
    """Return what `bench ablate --json` prints: masks with a mIoU that grows with the setting; the second is own."""
    settings: list[dict[str, Any]] = [{}]
    for key, values in keys.items():
        settings = [{**setting, f"evolve.{key}": value} for setting in settings for value in values]
    rows = [
        {"setting": setting, "own": place == 1, "mask": {"mIoU": 40.0 + place, "mIoU_interval": [30.0, 60.0]}}
        for place, setting in enumerate(settings)
    ]
    names = [f"evolve.{key}" for key in keys]
    return {"run": "mini", "samples": 9, "keys": names, "settings": rows}


def test_lines_count_percent_and_their_legend_says_what_the_marks_are() -> None:
    axes = draw_ablation(document(alpha=[0.3, 0.1, 0.2])).figure.axes[0]
    assert axes.get_ylim() == (0, 100)
    assert axes.get_ylabel().startswith("percent")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["mask mIoU", "the recipe's own", "best mIoU"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "0.2", "0.3"]
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [(*dot.get_xdata(), *dot.get_ydata()) for dot in dots] == [(1, 42.0)]


def test_maps_count_percent() -> None:
    figure = draw_ablation(document(alpha=[0.1, 0.2], k=[1, 7])).figure
    assert "43.00 at most" in figure.axes[0].get_title()
    assert figure.axes[-1].get_ylabel() == "mask mIoU, percent"
