import io
import re
import subprocess
import sys
import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from zeroov.cli.report import say_answer
from zeroov.errors import UsageError
from zeroov.frames import box_to_mask, mask_to_box
from zeroov.look import Cost, Look, Question
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.show import tiles, words
from zeroov.show.labelled import draw_objects
from zeroov.show.page import INCHES, Page
from zeroov.show.panel import draw_panel, write_panel
from zeroov.types import Affinity, Box, Evolved, Overview, Picture, Refined, Window

STAGES = ("overview", "focus", "evolve", "refine")
RNG = np.random.default_rng(0)


def picture_of(height: int, width: int) -> Picture:
    return Picture(RNG.integers(0, 255, (height, width, 3), dtype=np.uint8))


def answer_of(picture: Picture, stages=STAGES, found=True, expression="the plane", answer="[1, 2, 3, 4]"):
    height, width = picture.hw
    box = Box(0, 0, max(width // 2, 1), max(height // 2, 1))
    mask = box_to_mask(box, picture.hw) if found else np.zeros(picture.hw, np.bool_)
    grid = RNG.random((8, 8)).astype(np.float32)
    seeds = grid > (0.9 if found else 2)
    matrix = RNG.random((64, 64))
    layers = RNG.random((2, 3, 5)).astype(np.float32)
    affinity = Affinity((matrix / matrix.sum(1, keepdims=True)).astype(np.float16), (8, 8), "noise", "m", "r")
    look = Look(
        question=Question(picture, expression),
        overview=Overview(layers, (1, 2), answer, box if found else None, 0.5, (84, 140), 1, "m", "r"),
        says_absent=False,
        attention=grid,
        affinity=affinity if "focus" in stages else None,
        evolved=Evolved(grid, grid * found, seeds | (grid > 0.5) & found, seeds, mask, mask_to_box(mask))
        if "evolve" in stages
        else None,
        refined=Refined(mask, mask_to_box(mask), 0.9 if found else 0.0) if "refine" in stages else None,
        costs={name: Cost(1.5, 3 * 2**30, origin="dump" if name == "focus" else "computed") for name in stages},
    )
    objects = (Found(mask, (0, 0), mask_to_box(mask), 0.5, expression),) if found else ()
    info = SceneInfo("a/b.png", picture.hw)
    return Answer(expression, objects, 0.5 * found, answer, info, picture, (look,), provenance={"recipe": "fast"})


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize("hw", [(1, 1), (30, 4000), (4000, 30), (12, 16), (300, 500), (3000, 2500)])
def test_any_shape_gives_a_panel_of_a_screens_size(hw):
    picture = picture_of(*hw)
    png = draw_panel(answer_of(picture))
    width, height = size_of(png)
    assert 700 < width < 2400
    assert 300 < height < 1400
    assert len(png) < 4_000_000


@pytest.mark.parametrize("stages", [STAGES, ("overview", "refine"), ("overview",), STAGES[:2]])
@pytest.mark.parametrize("found", [True, False])
def test_absent_stages_are_left_out(stages, found):
    picture = picture_of(40, 60)
    assert size_of(draw_panel(answer_of(picture, stages, found)))


def test_more_stages_make_a_larger_panel():
    picture = picture_of(40, 60)
    areas = [np.prod(size_of(draw_panel(answer_of(picture, STAGES[:n])))) for n in (1, 3, 4)]
    assert areas == sorted(areas)


def test_nothing_found_looks_different_from_something():
    picture = picture_of(40, 60)
    assert draw_panel(answer_of(picture)) != draw_panel(answer_of(picture, found=False))


@pytest.mark.parametrize(
    "text",
    [
        "右下角的白色飞机",
        "$5 and $6 \\frac{1}{2}",
        "$x$",
        "طائرة بيضاء",
        "सफ़ेद विमान",
        "🛩️ plane",
        "x" * 20_000,
        "the white plane " * 300,
        "a\udc80b",
        "a_b^c % & # {",
        "line\nbreak",
    ],
)
def test_any_script_draws_without_a_warning(text):
    picture = picture_of(40, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert size_of(draw_panel(answer_of(picture, expression=text, answer=text)))


def drawn_figure(monkeypatch, answer, **options):
    """The figure of a panel, as it was when it was encoded."""
    figures = []
    encoded = Page.encoded
    monkeypatch.setattr(Page, "encoded", lambda page, form: figures.append(page.figure) or encoded(page, form))
    draw_panel(answer, **options)
    return figures[-1]


def costly(answer):
    costs = {name: Cost(1234.5, 945 * 2**20, 567.8, origin="dump") for name in STAGES}
    return replace(answer, looks=tuple(replace(look, costs=costs) for look in answer.looks))


@pytest.mark.parametrize("hw", [(300, 300), (900, 300), (300, 900)])
def test_no_caption_runs_beyond_its_picture_and_no_cell_is_empty(monkeypatch, hw):
    figure = drawn_figure(monkeypatch, costly(answer_of(picture_of(*hw))))
    renderer = FigureCanvasAgg(figure).get_renderer()
    places = [axes.get_window_extent() for axes in figure.axes]
    assert len(places) == 7
    extents = {text.get_text(): text.get_window_extent(renderer) for text in figure.texts}
    captions = [extents[name] for name in extents if "after" in name]
    assert captions
    least = INCHES * 0.8 * figure.dpi  # of a cell: a narrow picture's caption may use it
    for extent in captions:
        (place,) = (
            each for each in places if each.x0 == pytest.approx(extent.x0, abs=3) and each.y0 > extent.y1 > each.y0 - 12
        )
        assert extent.width <= max(place.width, least)
        below = [each for each in places if each.y1 < place.y0]
        assert all(each.y1 < extent.y0 for each in below)
    last = [each for each in places if each.y0 == min(other.y0 for other in places)]
    first = [each for each in places if each.y0 == max(other.y0 for other in places)]
    middle = [(row[0].x0 + row[-1].x1) / 2 for row in (first, last)]
    assert middle[0] == pytest.approx(middle[1], abs=2)


def test_a_panel_for_a_paper_is_pdf_or_svg_without_seconds_and_memory(monkeypatch, tmp_path):
    answer = costly(answer_of(picture_of(40, 60)))
    with_costs, without = (
        "\n".join(text.get_text() for text in drawn_figure(monkeypatch, answer, costs=costs).texts)
        for costs in (True, False)
    )
    assert "1234.50 s" in with_costs
    assert not re.search(r"\d s\b|MiB|loading|dump", without)
    assert "predicted IoU 0.90" in without
    answer = answer_of(Picture(np.zeros((20, 30, 3), np.uint8)), ("overview",))
    for name, start in (("a.pdf", b"%PDF-1."), ("a.SVG", b"<?xml"), ("a.png", b"\x89PNG")):
        write_panel(tmp_path / name, answer, costs=False)
        once = (tmp_path / name).read_bytes()
        assert once.startswith(start)
        write_panel(tmp_path / name, answer, costs=False)
        assert (tmp_path / name).read_bytes() == once  # no date and no random name
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()  # which publishers refuse
    with pytest.raises(UsageError, match=r"a\.jpg` is drawn as \.png, \.pdf or \.svg"):
        write_panel(tmp_path / "a.jpg", answer)


def test_flat_maps_and_a_black_picture():
    picture = Picture(np.zeros((5, 5, 3), np.uint8))
    flat = np.zeros((4, 4), np.float32)
    none = flat > 0
    answer = answer_of(picture, found=False)
    evolved = Evolved(flat, flat, none, none, np.zeros((5, 5), np.bool_), None)
    look = replace(answer.looks[0], evolved=evolved, affinity=None, refined=None)
    assert size_of(draw_panel(replace(answer, looks=(look,))))


def test_drawing_reads_no_global_settings_and_leaves_pyplot_alone():
    picture = picture_of(20, 20)
    answer = answer_of(picture)
    plain = draw_panel(answer)
    with matplotlib.rc_context({"savefig.dpi": 20, "figure.dpi": 30, "text.usetex": True, "font.family": "serif"}):
        assert draw_panel(answer) == plain
    source = "import sys, zeroov.show.panel; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


@given(text=st.text(max_size=200), width=st.integers(3, 40), lines=st.integers(1, 4))
def test_wrapping_keeps_the_words_and_the_width(text, width, lines):
    line = " ".join(text.split())
    broken = words.wrapped(line, width, lines)
    assert len(broken.split("\n")) <= lines
    assert all(words.columns(part) <= width for part in broken.split("\n"))
    kept = broken.removesuffix("…") if broken != line else broken
    assert line.replace(" ", "").startswith(kept.replace("\n", "").replace(" ", ""))


def test_wrapping_breaks_at_spaces_and_cuts_with_an_ellipsis():
    assert words.wrapped("one two three", 7, 3) == "one two\nthree"
    assert words.wrapped("one two three", 7, 1) == "one tw…"
    assert words.wrapped("红色屋顶的房子", 6, 2) == "红色屋\n顶的…"
    assert words.wrapped("", 6, 2) == ""


def test_what_no_font_shows_is_escaped(monkeypatch):
    monkeypatch.setattr(words, "_fallback", lambda missing: (words.FAMILY, frozenset()))
    assert words.legible("a  红\n$") == ("a \\u7ea2 $", [words.FAMILY])


@pytest.fixture
def lacking(monkeypatch):
    """Characters that the default font lacks and an installed one has."""
    find = words.font_manager.findfont  # STIX comes with matplotlib too, and stands here for a Chinese font
    monkeypatch.setattr(words, "WIDE_COVERAGE", re.compile("STIXGeneral"))
    words._fallback.cache_clear()
    yield [
        c
        for c in map(chr, range(0x20, 0x10000))
        if words._covers(find("STIXGeneral"), c) and not words._covers(find(words.FAMILY), c)
    ]
    words._fallback.cache_clear()


def test_an_installed_font_draws_what_the_default_one_lacks(lacking):
    text = f"a {lacking[0]} b"
    assert words.legible(text) == (text, [words.FAMILY, "STIXGeneral"])
    picture = picture_of(20, 20)
    assert size_of(draw_panel(answer_of(picture, expression=lacking[0])))


def test_an_installed_font_draws_the_names_below_an_image_too(lacking):
    rgb = np.zeros((60, 200, 3), np.uint8)
    one, other, again = (draw_objects(rgb, (60, 200), [], [f"a {c}"]) for c in (lacking[0], lacking[1], lacking[0]))
    assert one == again != other, "no two characters are one empty box"


def test_a_doubtful_find_and_a_ring_are_said_to_be_that(monkeypatch):
    said = []
    monkeypatch.setattr("zeroov.show.page.Page.text", lambda page, x, y, text, **style: said.append(text[0]))
    answer = answer_of(picture_of(300, 400))
    draw_panel(answer)
    assert not [text for text in said if "doubtful" in text or "ring" in text]
    tiny = Found(np.ones((6, 9), np.bool_), (20, 30), Box(20, 30, 29, 36), 0.04, "the plane")
    look = replace(answer.looks[0], refined=Refined(answer.mask, tiny.box, 0.9))
    draw_panel(replace(answer, found=(tiny,), score=0.04, looks=(look,)))
    [summary] = [text for text in said if "doubtful" in text]
    assert "the score is below 0.1" in summary
    assert "ring" in summary


def test_a_part_is_said_to_be_one_and_where_the_words_count_other_pixels(monkeypatch, capsys):
    answer = answer_of(picture_of(60, 90), answer="[0, 0, 45, 30]")
    resized = answer_of(picture_of(60, 90), answer="[0, 0, 70, 42]")
    silent = answer_of(picture_of(60, 90), answer="none")
    whole = "\n".join(text.get_text() for text in drawn_figure(monkeypatch, answer).texts)
    area = Window(10, 20, 100, 80)
    part = "\n".join(text.get_text() for text in drawn_figure(monkeypatch, replace(answer, area=area)).texts)
    hinted = drawn_figure(monkeypatch, replace(answer, area=area, looks=(), words=""))
    assert "its part [10, 20, 100, 80]" in " ".join(hinted.texts[1].get_text().split()), "one picture is narrow"
    assert "part" not in whole
    assert "answer: [0, 0, 45, 30]" in whole, "the picture had the image's own size"
    said = " ".join(part.split())
    assert "its part [10, 20, 100, 80]" in said
    assert [each.words_in_pixels for each in (answer, resized, silent)] == [True, False, True]
    shown = "\n".join(text.get_text() for text in drawn_figure(monkeypatch, resized).texts)
    assert "answer, not in pixels of the image: [0, 0, 70, 42]" in " ".join(shown.split())
    for each in (answer, resized, replace(answer, area=area)):
        say_answer(each, {"formats": []})
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("answer ")]
    assert printed == [
        "answer    [0, 0, 45, 30]",
        "answer    [0, 0, 70, 42] (not in pixels of the image)",
        "answer    [0, 0, 45, 30] (about the part [10, 20, 100, 80])",
    ]
    assert "of the picture" not in said, "a share is one of what is shown"
    assert "of what is shown" in said


def test_a_map_does_not_hide_the_picture_where_it_is_low():
    rgb = np.full((80, 80, 3), 200, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[0, 0] = 1
    heated = tiles.heated(rgb, heat).astype(int)
    assert (heated[70:, 70:] > 190).all()
    assert heated[2, 2, 0] - heated[2, 2, 2] > 60, "hot is yellow"
