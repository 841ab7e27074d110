"""A widget for notebooks: ask about one picture, see the answers on it, and move Evolve's sliders in the browser."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from zeroov.client import Client
from zeroov.errors import Failed, UsageError, attempt
from zeroov.raster.scene import Source, open_source
from zeroov.show.exploring import Asked, Here, Numbers, There, picture_url

SHOWN = 1600  # longer side of the picture in the browser, in pixels


def module() -> str:
    """Return the widget's JavaScript as one module: the page's own arithmetic and outlines, then the widget."""
    folder = files("zeroov")
    parts = ("serve/page/evolve.js", "serve/page/outline.js", "show/explorer.js")
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in parts)


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]  # its types are not installed everywhere
    """Ask about one picture in a notebook: `Explorer("photo.jpg", zeroov.load("fast"))`.

    `expression`, `results` (plain values), `geojson` (a FeatureCollection in degrees; empty where the image has no
    place) and `tune` (the sliders' k, tau and alpha) are traits that `observe` and other widgets can follow; `answers`
    are the answers themselves, the pipeline's or the client's. A `bbox`, drawn or typed, is in pixels of the image.
    """

    _esm = module()
    _css = files("zeroov").joinpath("show/explorer.css").read_text(encoding="utf-8")

    picture = traitlets.Unicode("").tag(sync=True)
    hw = traitlets.List([1, 1]).tag(sync=True)
    expression = traitlets.Unicode("").tag(sync=True)
    results = traitlets.List([]).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    geojson = traitlets.Dict({}).tag(sync=True)
    tune = traitlets.Dict({}).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(self, image: Source, pipeline: Asked | Client, *, bands: tuple[int, ...] | None = None) -> None:
        """Show an image; no model is asked yet. `bands`, from 1, are shown as red, green and blue.

        A `zeroov.client.Client` in the place of the pipeline sends the file of the image to a server.
        """
        with open_source(image, bands) as scene:
            shown, hw = scene.read(most=SHOWN, tolerant=True), scene.hw
        super().__init__(picture=picture_url(shown.rgb), hw=list(hw))
        self.answers: list[Any] = []
        self._asked = There(image, pipeline, bands) if isinstance(pipeline, Client) else Here(image, pipeline, bands)
        self.on_msg(self._on_message)

    def ask(self, expression: str, bbox: Numbers | None = None) -> Any:
        """Ask one question, and show its answer below the others; return it. A `bbox` says where the object is."""
        self.expression, self.problem, self.busy = expression, "", True
        try:
            shown = self._asked.ask(expression, bbox)
        finally:
            self.busy = False
        self.answers.append(shown.answer)
        with self.hold_sync():
            maps = shown.result["evolve"]
            self.tune = {name: maps[name] for name in ("k", "tau", "alpha")} if maps else {}
            self.chosen = len(self.results)
            self.results = [*self.results, shown.result]
            self.geojson = shown.geojson
        return shown.answer

    def _on_message(self, _: Any, content: Any, buffers: Any) -> None:
        """Answer what the browser asks; what fails is said there, and ends nothing here."""
        del buffers
        if not isinstance(content, dict) or content.get("kind") != "ask":
            return
        outcome = attempt(lambda: self.ask(str(content.get("expression", "")), _box(content.get("bbox"))), fatal=())
        if isinstance(outcome, Failed):
            self.problem = outcome.reason


def _box(text: object) -> Numbers | None:
    """Read `x0, y0, x1, y1` in pixels; `None` where nothing is given."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        sides = tuple(float(side) for side in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 4:
        raise UsageError(f"a box is four numbers in pixels, e.g. 100, 80, 220, 190, got `{text[:60]}`")
    return sides
