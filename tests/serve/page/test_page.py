"""The page in a real browser, on a real server: what a person does, one thing after another."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.serve.page.conftest import FADES, Visit

pytestmark = pytest.mark.far

REASON = "#s-why .reason"
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def drop(page: Any, file: Path, kind: str) -> None:
    """Drop a file on the page, as a mouse does."""
    given = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """([given, name, kind]) => {
            const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            const how = { dataTransfer, bubbles: true, cancelable: true };
            dataTransfer.items.add(new File([bytes], name, { type: kind }));
            for (const event of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(event, how));
        }""",
        [given, file.name, kind],
    )


def test_first_visit_is_alive_in_ten_seconds(visit: Visit) -> None:
    held: list[Any] = []
    visit.page.route("**/v1/examples/3", lambda route: held.append(route))
    page = visit.open()
    visit.until("document.querySelectorAll('.example:enabled canvas').length === 3")
    assert page.locator(".example").count() == 6, "each has its place before it is drawn"
    places = "[...document.querySelectorAll('.example')].map((each) => JSON.stringify(each.getBoundingClientRect()))"
    before = page.evaluate(places)
    held.pop().continue_()
    visit.until("document.querySelectorAll('.example:enabled').length === 6")
    assert page.evaluate(places) == before
    assert page.evaluate("fetch(document.querySelector('.foot a').href).then((answer) => answer.status)") == 200
    visit.until("document.querySelectorAll('.hero-stage .thumb:not(.empty)').length === 4")
    assert "Asked" in page.inner_text("#hero-asked")
    page.hover(".example:nth-child(3)")
    page.click(".example:nth-child(3)")
    visit.answered()
    assert page.input_value("#sentence")
    assert page.locator(".layer").count() == 1
    visit.is_clean()


def test_drop_ask_and_see_why(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    drop(page, scenes / "scene.png", "image/png")
    page.wait_for_selector('body[data-screen="picture"]')
    visit.ask("the plane on the upper left")
    assert page.inner_text(".layer .verdict b") > "0.5"
    visit.says(REASON, "A leads B by")
    assert page.locator(".candidate").count() == page.locator("#s-why tbody tr").count() >= 2
    assert page.locator(".stage .thumb.empty").count() == 0
    visit.ask("the yellow ship")
    assert page.locator(".layer").count() == 2
    visit.ask("the plane on the upper left")
    assert page.locator(".layer").count() == 2, "a repeated sentence opens its layer"
    assert page.locator(".layer").first.get_attribute("aria-selected") == "true"
    visit.is_clean()


def test_slide_without_a_model(visit: Visit, scenes: Path, record_property: Any) -> None:
    page = visit.asked(scenes / "scene.png", "the plane on the upper left")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: "/v1/" in request.url and asked.append(request.url))
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    alpha.focus()
    times = []
    for _ in range(20):
        alpha.press("ArrowRight")
        visit.until("/redrawn in/.test(document.querySelector('#s-tune .head .quiet').textContent)")
        times.append(int(page.inner_text("#s-tune .head .quiet").split()[2]))
    record_property("slider_ms", times)
    print(f"a slider's redraw: median {sorted(times)[10]} ms, slowest {max(times)} ms")
    assert min(times) < 100
    assert asked == [], "a slider asks nobody"
    assert alpha.get_attribute("aria-valuetext") == "alpha 0.60, recipe 0.40"
    assert f"Refine still shows {ALPHA} 0.40" in page.inner_text(".refine-line")
    assert page.inner_text('.stage[data-stage="refine"] .stale') == f"{ALPHA} 0.40"
    assert not page.locator("#legend").is_hidden(), "what the slider changes is shown while it is moved"
    page.wait_for_selector("#legend", state="hidden")
    page.keyboard.press("r")
    page.wait_for_selector(".refine-line:has-text('Refine fits these values')")
    page.keyboard.press("z")
    page.wait_for_selector(".refine-line:has-text('Refine still shows')")
    page.keyboard.press("z")
    visit.until("document.querySelectorAll('#s-tune .value')[2].value === '0.40'")
    page.keyboard.press("Shift+Z")
    visit.until("document.querySelectorAll('#s-tune .value')[2].value === '0.60'")
    visit.is_clean()


def test_weights_and_choices(visit: Visit, scenes: Path) -> None:
    page = visit.asked(scenes / "scene.png", "the plane on the upper left")
    page.click(".candidate >> nth=1")
    visit.says(REASON, "You chose B. A led by")
    visit.says(".refine-line", "Refine still shows A")
    page.click("text=Back to A")
    visit.says(REASON, "A leads B by")
    page.keyboard.press(".")
    visit.says(REASON, "You chose B.")
    page.keyboard.press(",")
    place = page.get_by_label("Weight of Place", exact=True)
    place.focus()
    place.press("Home")
    place.press("Tab")
    visit.says(".columns .struck", "Place")
    page.click("#s-tune .head button")
    page.wait_for_selector(".columns .struck", state="detached")
    visit.is_clean()


def test_clicks_add_and_remove(visit: Visit, scenes: Path) -> None:
    page = visit.asked(scenes / "scene.png", "the plane on the upper left")
    box = page.locator("#canvas").bounding_box()
    with page.expect_response(lambda answer: answer.url.endswith("/refine")) as answer:
        page.click("[data-tool=add]")
        page.mouse.click(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.25)
    sent = json.loads(answer.value.request.post_data)
    assert sent["points"][0][2] == 1
    assert sent["box"]
    page.wait_for_selector("text=Undo 1 click")
    with page.expect_response(lambda answer: answer.url.endswith("/refine")) as answer:
        page.keyboard.press("x")
        page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6)
    assert [point[2] for point in json.loads(answer.value.request.post_data)["points"]] == [1, 0]
    page.click("text=Undo 2 clicks")
    page.wait_for_selector("text=Undo 2 clicks", state="detached")
    page.keyboard.press("Escape")
    page.wait_for_selector('#canvas[data-tool="move"]')
    visit.is_clean()


def test_download(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    visit.file(scenes / "scene.png")
    assert page.locator("#s-download button:disabled").count() == 5
    assert page.locator("#s-download button").first.get_attribute("title") == "Nothing was asked yet"
    visit.ask("the yellow ship")
    for text, name in (("Mask", "mask.png"), ("JSON", "result.json"), ("All", "all.zip")):
        with page.expect_download() as begun:
            page.click(f"#s-download button:has-text('{text}')")
        assert begun.value.suggested_filename == f"scene-1-{name}"
        assert Path(begun.value.path()).stat().st_size > 50
    visit.is_clean()


def test_a_link_restores_everything(visit: Visit, browser: Any, scenes: Path) -> None:
    page = visit.asked(scenes / "scene.png", "the plane on the upper left")
    visit.ask('the captain\'s "yellow" ship')
    page.click(".layer >> nth=0")
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    alpha.focus()
    for _ in range(5):
        alpha.press("ArrowRight")
    page.click(".candidate >> nth=1")
    page.keyboard.press("3")
    page.click("#share")
    link = page.url
    assert "scene.png" in link
    assert "captain" in link
    other = Visit(browser, visit.address)
    other.page.goto(link)
    other.page.wait_for_selector(".candidate")
    other.answered()
    assert other.page.locator(".layer .words").all_inner_texts() == [
        "the plane on the upper left",
        'the captain\'s "yellow" ship',
    ]
    other.until("document.querySelectorAll('#s-tune .value')[2].value === '0.45'")
    assert other.page.get_attribute('.stage[data-stage="evolve"]', "aria-selected") == "true"
    other.says(REASON, "You chose B.")
    assert not any("/ground" in url for url in other.hosts)
    other.is_clean()
    other.context.close()


def test_focus_of_a_cell_and_stages_by_key(visit: Visit, scenes: Path) -> None:
    page = visit.asked(scenes / "scene.png", "the yellow ship")
    page.focus("#canvas")
    page.evaluate(FADES)
    page.keyboard.press("2")
    visit.until("String(fades) === 'fade 120'")
    box = page.locator("#canvas").bounding_box()
    with page.expect_response(lambda answer: "/focus?" in answer.url):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.press("3")
    page.keyboard.press("3")
    visit.says('#legend [aria-checked="true"]', "Fused")
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    page.keyboard.press("4")
    visit.until("fades.length === 3")
    alpha.focus()
    alpha.press("ArrowRight")
    page.wait_for_selector("#legend")
    assert page.evaluate("fades.length") == 3, "what a slider changes is there at once"
    page.focus("#canvas")
    page.keyboard.press("3")
    page.keyboard.down("Space")
    page.wait_for_selector("#legend", state="hidden")
    page.keyboard.up("Space")
    page.wait_for_selector("#legend")
    visit.is_clean()


def test_a_map_is_searched_and_an_object_opened(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    page.click("#chip")
    page.click("[role=menuitem]:has-text('folder')")
    page.click("[role=menuitem]:has-text('map.tif')")
    page.wait_for_selector('body[data-screen="map"]')
    strip = "document.getElementById('canvas').getContext('2d').getImageData(20, 150, 40, 1).data"
    reds = f"[...new Set({strip}.filter((_, at) => at % 4 === 0))]"
    visit.until(f"String({reds}.sort()) === '163,189'")  # no data: two greys in squares
    page.click('[data-every="1"]')
    visit.ask("plane")
    assert [page.inner_text(f'.stage[data-stage="{name}"] span >> nth=-1') for name in ("picture", "tiles")] == [
        "Map",
        "Tiles",
    ]
    count = page.locator(".object").count()
    assert count > 2
    assert page.inner_text(".layer .verdict b") == str(count)
    assert "m²" in page.locator(".object strong").first.inner_text()
    assert "E" in page.locator(".object").first.inner_text()
    least = page.get_by_role("slider", name="Show from score")
    least.focus()
    least.press("End")
    visit.says(".part .two-ends", "1.00; dashed below 0.10")
    visit.until("document.querySelectorAll('.object').length === 0")
    least.press("Home")
    visit.until(f"document.querySelectorAll('.object').length === {count}")
    page.click(".object >> nth=1")
    visit.until("document.querySelectorAll('.object')[1].getAttribute('aria-selected') === 'true'")
    page.click("[data-keep=open]")
    visit.answered()
    assert page.locator('.stage[data-stage="evolve"]').count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector(".object")
    page.click(".sorting >> text=Score")
    page.wait_for_selector('.sorting [aria-pressed="true"]:has-text("Score")')
    scores = [float(text.split()[-1]) for text in page.locator(".object .evidence").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    visit.is_clean()


def test_stopping_a_search_keeps_what_it_found(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    visit.file(scenes / "map.tif", "map")
    page.click('[data-every="1"]')
    page.fill("#sentence", "vehicle")
    page.press("#sentence", "Enter")
    page.wait_for_selector(".object", timeout=60_000)
    page.click("[data-keep=stop]")
    visit.answered()
    visit.says("#s-state p", "Stopped after ")
    assert page.get_attribute("#s-state .main", "title") == "Asks every tile again, and those that failed too"
    assert page.locator(".object").count() >= 1
    visit.is_clean()
