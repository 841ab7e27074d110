"""The Explorer, in Python and in a real browser: what is asked, drawn, moved and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zeroov
from tests.raster.scenes import UTM, write_scene
from zeroov.evolve import binarise, grow
from zeroov.frames import mask_to_box
from zeroov.mini.scenes import make_scene, seed_for

pytestmark = pytest.mark.far
SCENE = make_scene(seed_for("test", 7)).image
START = """async ([source, state]) => {
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const module = await import(url);
  const listeners = {};
  window.state = state;
  window.saved = [];
  const model = {
    get: (name) => window.state[name],
    set: (name, value) => { window.state[name] = value; },
    save_changes: () => window.saved.push(structuredClone(window.state.tune)),
    send: async (content) => {
      const next = await window.ask(content);
      Object.assign(window.state, next);
      for (const name of Object.keys(next)) for (const each of listeners[`change:${name}`] ?? []) each();
      window.answered = (window.answered ?? 0) + 1;
    },
    on: (event, what) => (listeners[event] ??= []).push(what),
    off: (event, what) => { listeners[event] = listeners[event].filter((each) => each !== what); },
  };
  window.stop = module.default.render({ model, el: document.body });
  window.listeners = listeners;
}"""


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Any]:
    with zeroov.load("mini", device="cpu") as loaded:
        yield loaded


def explorer_of(image: Any, pipeline: Any) -> Any:
    pytest.importorskip("anywidget")
    from zeroov.show import Explorer

    return Explorer(image, pipeline)


def say(explorer: Any, **content: Any) -> None:
    """Send what the browser sends."""
    explorer._handle_custom_msg({"kind": "ask", **content}, [])


def test_a_message_is_answered_in_the_traits(pipeline: Any) -> None:
    explorer = explorer_of(SCENE, pipeline)
    seen: list[str] = []
    explorer.observe(lambda change: seen.append(change["name"]), ["results", "busy"])
    say(explorer, expression="the stadium", bbox="")
    [answer] = explorer.answers
    expected = pipeline.ground(SCENE, "the stadium")
    assert explorer.results[0]["found"][0]["box_xyxy"] == list(expected.box.xyxy) == list(answer.box.xyxy)
    assert seen == ["busy", "busy", "results"]
    assert (explorer.problem, explorer.geojson, explorer.chosen) == ("", {}, 0)
    assert explorer.tune == {name: getattr(pipeline.recipe.evolve, name) for name in ("k", "tau", "alpha")}


def test_a_box_says_where_the_object_is(pipeline: Any) -> None:
    explorer = explorer_of(SCENE, pipeline)
    say(explorer, expression="it", bbox="20, 30, 90, 100")
    assert explorer.answers[0].found[0].extra["hint"] == "box"
    assert explorer.results[0]["evolve"] is None
    assert explorer.tune == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"expression": "  ", "bbox": ""}, "the expression is empty"),
        ({"expression": "it", "bbox": "1, 2"}, "a box is four numbers in pixels"),
        ({"expression": "it", "bbox": "1, 2, 3, x"}, "a box is four numbers in pixels"),
        ({"expression": "it", "bbox": "900, 900, 990, 990"}, "224 x 224"),
    ],
)
def test_what_fails_is_said_and_the_next_question_works(content: dict[str, str], problem: str, pipeline: Any) -> None:
    explorer = explorer_of(SCENE, pipeline)
    say(explorer, **content)
    assert problem in explorer.problem
    assert not explorer.busy
    assert explorer.results == []
    explorer._handle_custom_msg("nothing of ours", [])
    say(explorer, expression="the stadium", bbox="")
    assert explorer.problem == ""
    assert len(explorer.results) == 1


def test_on_a_map_the_answer_is_geojson_too(pipeline: Any, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", SCENE.transpose(2, 0, 1), crs="EPSG:32633", transform=UTM)
    explorer = explorer_of(path, pipeline)
    answer = explorer.ask("the stadium")
    assert explorer.geojson == answer.to_geojson()
    assert explorer.expression == "the stadium"


def test_in_a_browser_the_sliders_draw_what_the_pipeline_draws(pipeline: Any, browser: Any) -> None:
    explorer = explorer_of(SCENE, pipeline)
    names = ("picture", "hw", "expression", "results", "chosen", "geojson", "tune", "busy", "problem")

    def state() -> dict[str, Any]:
        return {name: getattr(explorer, name) for name in names}

    def ask(content: dict[str, Any]) -> dict[str, Any]:
        explorer._handle_custom_msg(content, [])
        return state()

    with browser.new_context() as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        page.expose_function("ask", ask)
        page.evaluate(START, [explorer._esm, state()])

        page.get_by_label("Describe one object").fill("the stadium")
        page.keyboard.press("Enter")
        page.wait_for_function("window.answered === 1")
        look = explorer.answers[0].looks[0]
        root = page.locator(".zeroov-explorer")
        drawn = json.loads(root.get_attribute("data-evolve-box") or "null")
        assert drawn == [int(side) for side in look.evolved.box.xyxy]
        assert "score" in page.get_by_label("Answers").inner_text()

        for name, value in (("alpha", 0.62), ("tau", 0.11), ("k", 2)):
            slider = page.get_by_label(name, exact=True)
            slider.fill(str(value))
            slider.dispatch_event("change")
        expected = dict(pipeline_values(look, k=2, tau=0.11, alpha=0.62))
        assert json.loads(root.get_attribute("data-evolve-box") or "null") == expected["box"]
        assert expected["box"] != drawn, "moving the sliders changes nothing: the test shows nothing"
        assert page.evaluate("window.saved.at(-1)") == {"k": 2, "tau": 0.11, "alpha": 0.62}

        canvas = page.get_by_role("img")
        box = canvas.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75)
        page.mouse.up()
        field = page.get_by_label("Box in pixels, where the place is known")
        assert [int(side) for side in field.input_value().split(",")] == pytest.approx([56, 112, 112, 168], abs=1)
        page.get_by_label("Describe one object").fill("<b>this one</b>")
        page.get_by_role("button", name="Find").click()
        page.wait_for_function("window.answered === 2")
        assert explorer.answers[1].found[0].extra["hint"] == "box"
        assert page.locator("ol b").all_inner_texts() == ["the stadium", "<b>this one</b>"]
        assert page.get_by_label("alpha", exact=True).is_disabled()
        field.fill("1, 2")
        page.get_by_role("button", name="Find").click()
        page.wait_for_function("window.answered === 3")
        assert "four numbers" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="the stadium").click()
        assert json.loads(root.get_attribute("data-evolve-box") or "null") == drawn
        page.evaluate("window.stop()")
        assert page.evaluate("Object.values(window.listeners).flat().length") == 0
        assert wrong == []


def pipeline_values(look: Any, *, k: int, tau: float, alpha: float) -> dict[str, Any]:
    evolved = look.evolved
    mask = binarise(evolved.fused, grow(evolved.fused, evolved.cross_on_grid, k, tau), look.picture.hw, alpha)
    box = mask_to_box(mask)
    assert isinstance(mask, np.ndarray)
    return {"box": [int(side) for side in box.xyxy] if box else None}
