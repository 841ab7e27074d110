"""The page without a mouse, for those who cannot see it, in narrow and wide windows, in light and dark."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.serve.page.conftest import FADES, Visit

pytestmark = pytest.mark.far

RULES = ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core, from npm, for the tests only."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    got = subprocess.run(
        [npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    if got.returncode:
        pytest.skip(f"npm gives no axe-core: {got.stderr[-200:]}")
    [packed] = folder.glob("*.tgz")
    with tarfile.open(packed) as files:
        inside = files.extractfile("package/axe.min.js")
        assert inside
        return inside.read().decode()


def check(page: Any, axe: str, what: str) -> None:
    """Let axe-core look at the page: contrast, labels, roles, landmarks."""
    page.evaluate(axe)
    found = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)["violations"]
    said = [f"{each['id']}: {each['help']}: {node['html'][:160]}" for each in found for node in each["nodes"]]
    assert said == [], f"{what}: {len(said)}\n" + "\n".join(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_labels(browser: Any, served: str, scenes: Path, axe: str, scheme: str) -> None:
    visit = Visit(browser, served, color_scheme=scheme)
    page = visit.open()
    page.wait_for_selector(".hero-stage")
    check(page, axe, f"first visit, {scheme}")
    visit.file(scenes / "scene.png")
    visit.ask("the yellow ship")
    visit.ask("a swimming pool")
    check(page, axe, f"nothing found, {scheme}")
    visit.ask("the plane on the upper left")
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    alpha.focus()
    alpha.press("ArrowRight")
    check(page, axe, f"a slider moved, {scheme}")
    page.focus("#canvas")
    page.keyboard.press("3")
    page.wait_for_selector("#legend")
    page.keyboard.press("?")
    check(page, axe, f"Evolve and the keys, {scheme}")
    visit.context.close()


def test_contrast_and_labels_of_a_map_and_narrow(browser: Any, served: str, scenes: Path, axe: str) -> None:
    visit = Visit(browser, served)
    page = visit.open()
    visit.file(scenes / "map.tif", "map")
    page.click('[data-every="1"]')
    page.fill("#sentence", "plane")
    page.press("#sentence", "Enter")
    page.wait_for_selector(".object", timeout=60_000)
    check(page, axe, "searching")
    visit.context.close()
    narrow = Visit(browser, served, 390, 844, has_touch=True)
    page = narrow.open()
    narrow.file(scenes / "scene.png")
    narrow.ask("the plane on the upper left")
    assert page.evaluate("document.activeElement.id") != "sentence", "a phone's keyboard would hide the answer"
    for tab in ("Why", "Layers", "Tune", "Download"):
        page.get_by_role("tab", name=tab).click()
        check(page, axe, f"narrow, {tab}")
    narrow.context.close()


def test_by_keyboard_alone(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "sentence"
    visit.file(scenes / "scene.png")
    page.keyboard.press("/")
    page.keyboard.type("the plane on the upper left")
    page.keyboard.press("Enter")
    visit.answered()
    visit.until("document.getElementById('said').textContent.includes('candidate A of')")
    assert page.evaluate("document.activeElement.id") == "sentence", "an answer does not take the focus"
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate(
                """(groups) => { const now = document.activeElement; const up = now.closest(groups);
                return up ? up.id : now.id || now.dataset.keep || '' }""",
                "#how-many, #stages, #rail-slider, #tools, #zoom, #layers, #candidates, #s-tune, #s-download",
            )
        )
    firsts = list(dict.fromkeys(order))
    wanted = [
        "how-many",
        "find",
        "stages",
        "rail-slider",
        "canvas",
        "tools",
        "zoom",
        "layers",
        "candidates",
        "s-tune",
        "s-download",
    ]
    assert [name for name in firsts if name in wanted] == wanted
    assert max(order.count("stages"), order.count("candidates")) <= 2, "a list is one tab stop"
    page.focus(".stage[aria-selected=true]")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector('.stage[data-stage="evolve"][aria-selected="true"]:focus')
    page.focus(".candidate[aria-selected=true]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    visit.says("#s-why .reason", "You chose B.")
    page.keyboard.press("r")
    visit.until("!document.querySelector('.stale-line')", 30)
    page.focus("#canvas")
    page.keyboard.press("4")
    page.keyboard.press("a")
    for key in ("ArrowLeft", "Shift+ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
    with page.expect_response(lambda answer: answer.url.endswith("/refine")) as answer:
        page.keyboard.press("Enter")
    assert answer.value.request.post_data_json["points"] == [[111, 92, 1]]
    page.keyboard.press("l")
    page.wait_for_selector(".layer.grey")
    page.keyboard.press("l")
    page.keyboard.press("?")
    page.wait_for_selector("#keys:not([hidden])")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    page.focus("#canvas")
    page.keyboard.press("l")
    page.wait_for_timeout(300)
    assert page.locator(".layer.grey").count() == 0, "the switch in the table turns letter keys off"
    page.keyboard.press("?")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    page.focus("#canvas")
    page.keyboard.press("l")
    page.wait_for_selector(".layer.grey")
    visit.is_clean()


def test_what_a_screen_reader_meets(visit: Visit, scenes: Path) -> None:
    page = visit.asked(scenes / "scene.png", "the yellow ship")
    assert [page.get_by_role(role).count() for role in ("banner", "navigation", "main", "complementary")] == [
        1,
        1,
        1,
        1,
    ]
    label = page.get_attribute("#canvas", "aria-label")
    assert label.startswith("Picture with 1 outline; 1, the yellow ship: box ")
    assert page.get_by_role("listbox", name="Layers").get_by_role("option").count() == 1
    assert page.get_by_role("table", name="Candidates and their evidence").count() == 1
    assert page.get_by_role("slider", name="alpha").get_attribute("aria-valuetext") == "alpha 0.40, recipe 0.40"


@pytest.mark.parametrize(
    ("width", "height"), [(390, 844), (720, 600), (1024, 700), (1280, 800), (1440, 900), (2560, 1300)]
)
def test_nothing_is_cut_off(browser: Any, served: str, scenes: Path, width: int, height: int) -> None:
    visit = Visit(browser, served, width, height)
    page = visit.open()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("(({ scrollWidth: a, clientWidth: b }) => a - b)(document.querySelector('.hero h2'))") <= 0
    visit.file(scenes / "scene.png")
    visit.ask("the plane on the upper left")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ends = "['.brand span', '#chip'].map((each) => document.querySelector(each).getBoundingClientRect())"
    assert width < 720 or page.evaluate(f"(([name, chip]) => name.right <= chip.left)({ends})")
    if width == 720:
        page.click("#drawer")
    sides = page.evaluate(
        """() => [...document.querySelectorAll('#answer button, #bar button, #rail .stage, #answer .candidate')]
        .filter((each) => each.offsetParent)
        .map((each) => [each.textContent.trim().slice(0, 20), each.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.right > innerWidth + 1 || box.left < -1)).map(([name]) => name)"""
    )
    assert sides == []
    visit.is_clean()
    visit.context.close()


def test_without_motion(browser: Any, served: str, scenes: Path) -> None:
    visit = Visit(browser, served, reduced_motion="reduce")
    page = visit.open()
    spin = page.evaluate(
        """() => { const e = document.createElement('span'); e.className = 'spin'; document.body.append(e);
        return [getComputedStyle(e).animationName, getComputedStyle(e, '::before').content] }"""
    )
    assert spin == ["none", '"..."']
    visit.file(scenes / "scene.png")
    page.evaluate(FADES)
    page.focus("#canvas")
    page.keyboard.press("1")
    page.wait_for_selector('.stage[data-stage="overview"][aria-selected="true"]')
    assert page.evaluate("fades") == []
    visit.context.close()


def test_forced_colours_have_lines_where_fills_were(browser: Any, served: str, scenes: Path, axe: str) -> None:
    visit = Visit(browser, served, forced_colors="active")
    page = visit.open()

    def lines(place: str) -> str:
        """Return how an element is outlined."""
        style = (
            "((each) => { const { outlineStyle: a, outlineWidth: b } = getComputedStyle(each); return a + ' ' + b })"
        )
        return str(page.evaluate(f"{style}(document.querySelector({place!r}))"))

    page.wait_for_selector(".hero-stage")
    assert lines('.hero-stage[aria-pressed="true"] .thumb') == "solid 2px"
    check(page, axe, "first visit, forced colours")
    visit.file(scenes / "scene.png")
    page.focus("#sentence")
    assert lines("#ask") == "double 5px"
    visit.ask("the plane on the upper left")
    page.wait_for_selector(".candidate")
    for chosen in (".stage", ".layer", ".candidate"):
        assert lines(f'{chosen}[aria-selected="true"]{" .thumb" if chosen == ".stage" else ""}') == "solid 2px", chosen
    for chosen in ("#how-many", "#tools"):
        assert lines(f'{chosen} [aria-checked="true"]') == "solid 2px", chosen
    assert lines('#how-many [aria-checked="false"]').startswith("none")
    page.keyboard.press("Escape")
    for name in ("#find", "#how-many button", "#candidates [tabindex='0']", "#layers [tabindex='0']"):
        page.locator(name).first.focus()
        page.keyboard.press("Shift")  # the focus is a keyboard's
        assert lines(":focus-visible") == "double 5px", name
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    alpha.focus()
    alpha.press("ArrowRight")
    assert lines(".range:has(:focus-visible)") == "double 5px"
    track = "getComputedStyle(document.querySelector('#s-tune .range'), '::before')"
    assert page.evaluate(f"[{track}.borderTopStyle, {track}.forcedColorAdjust]") == ["solid", "none"]
    mark = page.evaluate("getComputedStyle(document.querySelector('.range.changed .mark'), '::before').backgroundColor")
    assert mark == page.evaluate("getComputedStyle(document.body).color"), "the recipe's value is marked"
    check(page, axe, "an answer, forced colours")
    visit.is_clean()
    visit.context.close()
