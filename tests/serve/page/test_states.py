"""What the page says where something is wrong, slow or missing; what the server seldom does is put in its mouth."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.serve.page.conftest import Visit

pytestmark = pytest.mark.far

STATE = "#s-state p"


def events(*said: tuple[str, dict[str, Any]]) -> Callable[[Any], None]:
    """Answer a job's stream with these events."""
    body = "".join(f"id: {at}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for at, (name, data) in enumerate(said, 1))
    return lambda route: route.fulfill(status=200, content_type="text/event-stream", body=body)


@pytest.fixture
def asked(visit: Visit, scenes: Path) -> Visit:
    """A visit with one answered question."""
    visit.open()
    visit.file(scenes / "scene.png")
    visit.ask("the yellow ship")
    return visit


def test_nothing_found_is_an_answer(visit: Visit) -> None:
    page = visit.open()
    page.click(".example >> nth=5")
    visit.answered()
    visit.says(".layer .verdict", "Nothing found")
    page.click("text=Show where it looked")
    page.wait_for_selector("text=Hide the ring")
    assert page.locator(".tag.coloured").count() == 0
    visit.says("#s-tune .sub .quiet", "grey: not in this sentence")
    visit.is_clean()


def test_doubt_looks_like_doubt_until_it_is_kept(asked: Visit) -> None:
    page = asked.page

    def doubt(route: Any) -> None:
        answer = route.fetch()
        said = answer.json()
        for each in said["results"]:
            each |= {"doubtful": "the score is below 0.2", "score": 0.14, "doubt_line": 0.2}
        route.fulfill(response=answer, json=said)

    page.route("**/v1/jobs/*/results", doubt)
    asked.ask("the plane on the upper left")
    asked.says(STATE, "The model hardly believes this. Its score is 0.14; your line is 0.20.")
    assert page.locator(".layer.grey .verdict").inner_text().split() == ["Doubtful", "0.14"]
    assert page.locator(".tag.dashed").count() == 1
    page.click("text=Keep as found")
    page.wait_for_selector(".tag.dashed", state="detached")
    page.keyboard.press("z")
    page.wait_for_selector(".tag.dashed")


def test_a_failure_names_its_stage_and_what_is_kept(asked: Visit) -> None:
    page = asked.page
    error = {"code": "memory", "message": "the GPU ran out of memory", "hint": "use a smaller recipe"}
    fail = events(
        ("map", {"stage": "overview"}),
        ("stage", {"stage": "focus", "done": 3, "total": 20}),
        ("failed", {"error": error}),
    )
    page.route("**/v1/jobs/*/events", fail)
    asked.ask("the dark roof")
    asked.says(STATE, "Focus: the GPU ran out of memory. Use a smaller recipe.")
    assert page.inner_text("#alarm").startswith("Failed: the dark roof")
    asked.says(".layer .verdict.failed", "Failed")
    page.unroute("**/v1/jobs/*/events")
    page.click("text=Try again")
    asked.answered()
    page.wait_for_selector(".layer .verdict.failed", state="detached")


def test_a_queue_and_a_stop(asked: Visit) -> None:
    page = asked.page
    page.route("**/v1/jobs/*/events", events(("queued", {"position": 3, "wait_seconds": 19.8})))
    page.fill("#sentence", "the dark roof")
    page.press("#sentence", "Enter")
    asked.says(".layer .busy", "3rd in the queue")
    asked.says(STATE, "3rd in the queue. About 20 s.")
    assert page.inner_text("#find") == "Stop"
    page.keyboard.press("Escape")
    asked.says(STATE, "Stopped.")
    assert page.inner_text("#find") == "Find"


def test_a_load_and_each_map_are_shown_while_the_answer_is_in_work(asked: Visit) -> None:
    page = asked.page
    page.route("**/v1/jobs/*/events", events(("loading", {"stage": "overview", "seconds": 40.2})))
    page.fill("#sentence", "the dark roof")
    page.press("#sentence", "Enter")
    asked.says(STATE, "Loading Overview, about 40 s")
    page.route("**/v1/jobs/*/events", events(("loading", {"stage": "focus", "seconds": None})))
    asked.until("/^Loading Focus, [0-9.]+ s$/.test(document.querySelector('#s-state p').innerText)")
    page.keyboard.press("Escape")
    asked.says(STATE, "Stopped.")
    page.route("**/v1/jobs/*/events", events(("map", {"stage": "overview"}), ("map", {"stage": "evolve"})))
    page.fill("#sentence", "the plane on the upper left")
    page.press("#sentence", "Enter")
    page.wait_for_selector(".layer:nth-child(3) .busy")
    page.wait_for_selector('.stage[data-stage="focus"] .thumb:not(.empty)')
    assert page.locator(".layer:nth-child(3) .busy").count() == 1
    asked.until("/ s$/.test(document.querySelector('#s-state .steps .done').innerText)")
    page.unroute("**/v1/jobs/*/events")
    page.keyboard.press("Escape")


def test_a_server_that_does_not_answer_leaves_what_is_shown(asked: Visit) -> None:
    page = asked.page
    page.route("**/v1/**", lambda route: route.abort())
    page.fill("#sentence", "the dark roof")
    page.press("#sentence", "Enter")
    asked.says(STATE, "The server does not answer. Everything shown here stays usable")
    page.click(".layer >> nth=0")
    alpha = page.locator("#s-tune input[type=range]").nth(2)
    alpha.focus()
    alpha.press("ArrowRight")
    asked.says(".refine-line", "Refine still shows \N{GREEK SMALL LETTER ALPHA} 0.40")
    assert page.locator("#s-download button").first.get_attribute("title") == "The server does not answer"
    page.unroute("**/v1/**")
    page.click("text=Try again")
    asked.answered()
    page.wait_for_selector("#s-state:has-text('does not answer')", state="hidden")


def test_a_picture_that_the_server_forgot(visit: Visit, scenes: Path) -> None:
    link = "#" + json.dumps({"p": "nothing", "n": "park.jpg", "s": "refine", "c": 0, "l": [{"t": "the yellow ship"}]})
    page = visit.open(link.replace('"', "'"))
    visit.says(STATE, "The server no longer has this picture.")
    visit.says(".layer .verdict", "not asked yet")
    assert page.inner_text("#s-state .main") == "Choose park.jpg"
    page.set_input_files("#file", scenes / "scene.png")
    visit.answered()
    visit.says(".layer .words", "the yellow ship")
    page.wait_for_selector(".candidate")


def test_miniature_models_on_a_real_picture(visit: Visit, scenes: Path) -> None:
    file = io.BytesIO()
    with Image.open(scenes / "scene.png") as scene:  # of a drawn scene's size, and without its grain
        scene.resize((448, 448)).crop((224, 80, 448, 304)).save(file, "PNG")
    page = visit.open()
    given = {"name": "smooth.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.set_input_files("#file", [given])
    page.wait_for_selector('body[data-screen="picture"]')
    visit.ask("the yellow ship")
    visit.says(STATE, "This answer means nothing.")
    visit.says(".layer .verdict", "Doubtful")
    page.set_input_files("#file", [{**given, "buffer": b"no picture"}])
    page.wait_for_selector("#ask-note:visible")
    assert page.inner_text("#alarm")
    assert page.locator(".layer").count() == 1, "a file that is refused leaves what is shown"


def test_too_many_words_are_told_and_not_cut(visit: Visit) -> None:
    page = visit.open()
    page.fill("#sentence", "red " * 301)
    page.press("#sentence", "Enter")
    visit.says("#ask-note", "301 words; at most 300 are taken.")
    assert len(page.input_value("#sentence")) == 4 * 301
    visit.is_clean()


def test_a_failed_tile_is_named(visit: Visit, scenes: Path) -> None:
    page = visit.open()
    visit.file(scenes / "map.tif", "map")
    tile = {"window_xyxy": [0, 0, 224, 224], "status": "now", "reason": ""}
    said = events(
        ("stage", {"stage": "tiles", "done": 1, "total": 8}),
        ("tile", tile),
        ("tile", tile | {"status": "failed", "reason": "out of memory"}),
        ("found", {"box_xyxy": [300, 200, 340, 260], "score": 0.8, "polygons": None}),
        ("found", {"box_xyxy": [500, 200, 540, 260], "score": 0.05, "polygons": None}),
    )
    page.route("**/v1/jobs/*/events", said)
    page.click('[data-every="1"]')
    page.fill("#sentence", "ship")
    page.press("#sentence", "Enter")
    visit.says(".warned", "Tile 1 failed: out of memory. This search does not ask it again.")
    assert page.inner_text(".part .two-ends").split("\n")[0] == "1 found, 1 doubtful"
    assert page.locator(".object").count() == 1
    page.unroute("**/v1/jobs/*/events")
    page.click("[data-keep=stop]")


def test_a_key_is_asked_for(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.serve.page.conftest import start

    monkeypatch.setenv("ZEROOV_KEY", "a long enough key")
    process, address = start("mini", tmp_path)
    try:
        visit = Visit(browser, address)
        visit.page.goto(address)
        visit.page.fill("[aria-label='Key of this server']", "wrong")
        visit.page.press("[aria-label='Key of this server']", "Enter")
        visit.says(".key-form p", "That key is not the one.")
        visit.page.fill("[aria-label='Key of this server']", "a long enough key")
        visit.page.press("[aria-label='Key of this server']", "Enter")
        visit.page.wait_for_selector(".example")
        visit.page.click(".example >> nth=1")
        visit.answered()
        assert visit.page.locator(".stage canvas:visible").count() == 5
        visit.context.close()
    finally:
        process.terminate()
        process.wait(60)
