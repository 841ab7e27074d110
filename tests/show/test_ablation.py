from __future__ import annotations

from typing import Any

import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from zeroov.errors import UsageError
from zeroov.show.ablation import write_ablation
from zeroov.show.page import Page


def row(alpha: float, tau: float, share: float, own: bool) -> dict[str, Any]:
    part = {"mIoU": 100 * share, "mIoU_interval": [100 * share - 10, 100 * share + 10]}
    pointing = {"attention": 50, "fused": 50, "attention_interval": [40, 60], "fused_interval": [40, 60]}
    setting = {"evolve.alpha": alpha, "evolve.tau": tau}
    return {"setting": setting, "own": own, "box": part, "mask": part, "pointing": pointing}


def document(*keys: str) -> dict[str, Any]:
    rows = [row(alpha, 0.2, alpha + 0.1, alpha == 0.3) for alpha in (0.3, 0.1, 0.2, 0.4)]
    rows += [row(alpha, 0.3, alpha, False) for alpha in (0.1, 0.2, 0.3, 0.4)] if len(keys) > 1 else []
    return {"run": "$run$", "samples": 9, "keys": list(keys), "settings": rows}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    drawn: list[Figure] = []
    encoded = Page.encoded
    monkeypatch.setattr(Page, "encoded", lambda page, form: drawn.append(page.figure) or encoded(page, form))
    return drawn


@pytest.mark.parametrize("name", ["mini", "a long name of a run with numbers 123 and more words"])
@pytest.mark.parametrize("keys", [["evolve.alpha"], ["evolve.alpha", "evolve.tau"]])
def test_the_title_is_inside_the_page(figures: list[Figure], tmp_path: Any, name: str, keys: list[str]) -> None:
    write_ablation(tmp_path / "a.png", document(*keys) | {"run": name})
    (title,) = [text for text in figures[0].texts if "before Refine" in " ".join(text.get_text().split())]
    box, page = title.get_window_extent(), figures[0].bbox
    assert page.x0 <= box.x0 < box.x1 <= page.x1
    assert max(axes.get_tightbbox().y1 for axes in figures[0].axes) <= box.y0, "the pictures stand below it"


def test_intervals_of_equal_figures_stand_beside_one_another(figures: list[Figure], tmp_path: Any) -> None:
    write_ablation(tmp_path / "a.png", document("evolve.alpha"))
    (axes,) = figures[0].axes
    assert not [each for each in axes.collections if isinstance(each, PolyCollection)]  # no band hides another one
    upright = [each for each in axes.collections if isinstance(each, LineCollection)]
    places = [
        round(float(each.get_transform().transform(line)[0][0]), 3) for each in upright for line in each.get_segments()
    ]
    assert len(places) == len(set(places)) == 16


def test_marks_stand_at_their_values_and_are_whole_at_the_frame(figures: list[Figure], tmp_path: Any) -> None:
    write_ablation(tmp_path / "a.png", document("evolve.alpha"))
    (axes,) = figures[0].axes
    marks = [line for line in axes.lines if len(line.get_xdata())]
    assert {float(x) for line in marks for x in line.get_xdata()} == set(axes.get_xticks())
    assert not [line for line in marks if line.get_clip_on()]
    sizes = [line.get_markersize() for line in axes.lines if len(line.get_xdata()) == 4]
    assert sizes == sorted(set(sizes)), "of figures that are alike each is seen"


def test_lines_are_in_percent_in_the_tables_order_and_differ_without_colours(
    figures: list[Figure], tmp_path: Any
) -> None:
    write_ablation(tmp_path / "a.pdf", document("evolve.alpha"))
    (axes,) = figures[0].axes
    assert axes.get_ylim() == (0, 100)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines) == 4
    assert len({line.get_linestyle() for line in lines}) == 4
    assert list(lines[-1].get_ydata()) == pytest.approx([20, 30, 40, 50])  # alpha from 0.1 to 0.4
    (legend,) = figures[0].legends
    names = [
        "pointing of A_C",
        "pointing of the fused map",
        "box mIoU",
        "mask mIoU",
        "the recipe's own setting",
        "the best",
    ]
    assert [text.get_text() for text in legend.get_texts()] == names


def test_maps_are_in_percent_and_drawn_as_svg(figures: list[Figure], tmp_path: Any) -> None:
    write_ablation(tmp_path / "a.svg", document("evolve.alpha", "evolve.tau"))
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    assert "50.00 at most" in {axes.get_title() for axes in figures[0].axes}
    with pytest.raises(UsageError, match=r"\.pdf or \.svg"):
        write_ablation(tmp_path / "a.gif", document("evolve.alpha"))
