import io
import time
import warnings

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zeroov.frames import box_to_mask, mask_to_box
from zeroov.show import words
from zeroov.show.panel import draw_panel, write_panel
from zeroov.types import Affinity, Box, Evolved, Grounding, Overview, Picture, Refined, StageReport

STAGES = ("overview", "focus", "evolve", "refine")
RNG = np.random.default_rng(0)


def picture_of(height: int, width: int) -> Picture:
    return Picture(RNG.integers(0, 255, (height, width, 3), dtype=np.uint8))


def grounding_of(picture: Picture, stages=STAGES, found: bool = True, expression: str = "the plane", answer="[1, 2, 3, 4]"):
    height, width = picture.hw
    box = Box(0, 0, max(width // 2, 1), max(height // 2, 1))
    mask = box_to_mask(box, picture.hw) if found else np.zeros(picture.hw, np.bool_)
    grid = RNG.random((8, 8)).astype(np.float32)
    seeds = grid > (0.9 if found else 2)
    matrix = RNG.random((64, 64))
    values = {
        "overview": Overview(
            RNG.random((2, 3, 5)).astype(np.float32), (1, 2), answer, box if found else None, 0.5, (84, 140), 1, "m", "r"
        ),
        "focus": Affinity((matrix / matrix.sum(1, keepdims=True)).astype(np.float16), (8, 8), "noise", "m", "r"),
        "evolve": Evolved(grid, grid * found, seeds | (grid > 0.5) & found, seeds, mask, mask_to_box(mask)),
        "refine": Refined(mask, mask_to_box(mask), 0.9 if found else 0.0),
    }
    reports = {name: StageReport(values[name], 1.5, 3 * 2**30, from_dump=name == "focus") for name in stages}
    status = "found" if found else "empty"
    return Grounding(mask, mask_to_box(mask), 0.5 * found, status, answer, expression, "a/b.png", "fast", reports)


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize("hw", [(1, 1), (30, 4000), (4000, 30), (12, 16), (300, 500), (3000, 2500)])
def test_any_shape_gives_a_panel_of_a_screens_size(hw):
    picture = picture_of(*hw)
    start = time.perf_counter()
    png = draw_panel(picture, grounding_of(picture))
    assert time.perf_counter() - start < 4  # 0.6 s on an idle machine
    width, height = size_of(png)
    assert 700 < width < 2400
    assert 300 < height < 1400
    assert len(png) < 4_000_000


@pytest.mark.parametrize("stages", [STAGES, ("overview", "refine"), ("overview",), ("overview", "focus"), ("focus",), ()])
@pytest.mark.parametrize("found", [True, False])
def test_absent_stages_are_left_out(stages, found):
    picture = picture_of(40, 60)
    assert size_of(draw_panel(picture, grounding_of(picture, stages, found)))


def test_more_stages_make_a_larger_panel():
    picture = picture_of(40, 60)
    areas = [np.prod(size_of(draw_panel(picture, grounding_of(picture, STAGES[:n])))) for n in (0, 3, 4)]
    assert areas == sorted(areas)


def test_nothing_found_looks_different_from_something():
    picture = picture_of(40, 60)
    assert draw_panel(picture, grounding_of(picture)) != draw_panel(picture, grounding_of(picture, found=False))


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
        assert size_of(draw_panel(picture, grounding_of(picture, expression=text, answer=text)))


def test_flat_maps_and_a_black_picture():
    picture = Picture(np.zeros((5, 5, 3), np.uint8))
    flat = np.zeros((4, 4), np.float32)
    none = flat > 0
    evolved = Evolved(flat, flat, none, none, np.zeros((5, 5), np.bool_), None)
    result = Grounding(evolved.mask, None, 0.0, "empty", "", "x", "array", "tiny", {"evolve": StageReport(evolved, 0.0)})
    assert size_of(draw_panel(picture, result))


def test_drawing_neither_reads_nor_changes_global_settings():
    picture = picture_of(20, 20)
    grounding = grounding_of(picture)
    plain = draw_panel(picture, grounding)
    before = dict(matplotlib.rcParams)
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"savefig.dpi": 20, "figure.dpi": 30, "text.usetex": True, "font.family": "serif"}):
        assert draw_panel(picture, grounding) == plain
    import sys

    assert "matplotlib.pyplot" not in sys.modules or sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_written_panel_is_what_was_drawn(tmp_path):
    picture = picture_of(20, 20)
    grounding = grounding_of(picture)
    write_panel(tmp_path / "panel.png", picture, grounding)
    assert (tmp_path / "panel.png").read_bytes() == draw_panel(picture, grounding)


@given(text=st.text(max_size=200), width=st.integers(2, 40), lines=st.integers(1, 4))
def test_wrapping_keeps_the_words_and_the_width(text, width, lines):
    line = " ".join(text.split())
    broken = words.wrapped(line, width, lines)
    assert len(broken.split("\n")) <= lines
    assert all(words.columns(part) <= max(width, 2) for part in broken.split("\n"))
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


def test_an_installed_font_draws_what_the_default_one_lacks(monkeypatch):
    theta = "\N{GREEK SMALL LETTER TURNED IOTA}"  # in STIX, which comes with matplotlib; if DejaVu has it, nothing to do
    lacking = next((c for c in map(chr, range(0x2190, 0x2C00)) if _only_in_stix(c)), theta)
    monkeypatch.setattr(words, "WIDE_COVERAGE", words.re.compile("STIXGeneral"))
    words._fallback.cache_clear()
    shown, families = words.legible(f"a {lacking} b")
    words._fallback.cache_clear()
    assert shown == f"a {lacking} b"
    assert families == [words.FAMILY, "STIXGeneral"]
    picture = picture_of(20, 20)
    monkeypatch.setattr(words, "_fallback", lambda missing: ("STIXGeneral", missing))
    assert size_of(draw_panel(picture, grounding_of(picture, expression=shown)))


def _only_in_stix(character: str) -> bool:
    find = words.font_manager.findfont
    return words._covers(find("STIXGeneral"), character) and not words._covers(find(words.FAMILY), character)
