"""A real server in a process of its own, and a real browser, for the page's tests; all of it is marked `far`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def start(recipe: str, folder: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    """Start a server on a free port; return its process and its address."""
    log = folder / f"{recipe}.log"
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "zeroov", "serve", "--recipe", recipe, "--device", "cpu", "--port", "0", *more],
            stdout=lines,
            stderr=lines,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
        )
    for _ in range(1200):
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            return process, found[0]
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"no server after two minutes: {log.read_text()}")


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drawn scene, and a map of twelve of them with a place and a corner without data."""
    rasterio = pytest.importorskip("rasterio")
    from PIL import Image

    from zeroov.mini.scenes import make_scene, seed_for

    folder = tmp_path_factory.mktemp("scenes")
    Image.fromarray(make_scene(seed_for("test", 4)).image).save(folder / "scene.png")
    rows = [[make_scene(seed_for("test", 100 + 4 * row + col)).image for col in range(4)] for row in range(3)]
    mosaic = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
    mosaic[:230, :120] = 0
    height, width = mosaic.shape[:2]
    place = rasterio.Affine(0.5, 0, 486_000, 0, -0.5, 5_209_000)
    about: dict[str, Any] = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    with rasterio.open(folder / "map.tif", "w", crs="EPSG:32633", transform=place, nodata=0, **about) as file:
        file.write(mosaic.transpose(2, 0, 1))
    return folder


@pytest.fixture(scope="session")
def served(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the miniature models that choose among candidates."""
    process, address = start("select-mini", tmp_path_factory.mktemp("log"), "--folder", f"scenes={scenes}")
    yield address
    process.terminate()
    process.wait(60)


FADES = """() => {
    window.fades = [];
    const { animate } = Element.prototype;
    Element.prototype.animate = function (frames, long) {
        fades.push(`${this.id} ${long}`);
        return animate.call(this, frames, long);
    };
}"""
"""Writes down what fades in the page, and for how many milliseconds."""


class Visit:
    """A page in a context of its own, which remembers what went wrong and whom it asked."""

    def __init__(self, browser: Any, address: str, width: int = 1440, height: int = 900, **about: Any) -> None:
        self.address = address
        self.context = browser.new_context(viewport={"width": width, "height": height}, **about)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(re.sub(r"^(\w+://[^/]*).*", r"\1", request.url)))

    def open(self, fragment: str = "") -> Any:
        """Open the page, and wait until it shows something to do."""
        self.page.goto(f"{self.address}/{fragment}")
        self.page.wait_for_selector(".example, .layer")
        return self.page

    def file(self, path: Path, screen: str = "picture") -> None:
        """Give the page a file."""
        self.page.set_input_files("#file", path)
        self.page.wait_for_selector(f'body[data-screen="{screen}"]')
        self.page.wait_for_selector(".stage canvas:visible")

    def ask(self, sentence: str) -> None:
        """Ask, and wait for the answer."""
        self.page.fill("#sentence", sentence)
        self.page.press("#sentence", "Enter")
        self.answered()

    def asked(self, path: Path, sentence: str) -> Any:
        """Open the page, give it a file, and ask."""
        page = self.open()
        self.file(path)
        self.ask(sentence)
        return page

    def answered(self) -> None:
        """Wait until no layer works any more."""
        self.until("document.querySelectorAll('.layer').length && !document.querySelector('.layer .busy')", 60)

    def until(self, condition: str, most: float = 10) -> None:
        """Wait until a condition holds in the page, whose policy forbids what Playwright does for that."""
        for _ in range(int(most * 20)):
            self.page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not within {most} s: {condition}")

    def says(self, place: str, text: str) -> None:
        """Wait until something says a text, or begins with it."""
        self.page.wait_for_selector(place)
        self.until(f"document.querySelector({place!r}).innerText.startsWith({text!r})")

    def is_clean(self) -> None:
        """Check that nothing was written to the console and nobody else was asked."""
        assert self.errors == []
        assert {host for host in self.hosts if not host.startswith(("blob:", "data:"))} == {self.address}


@pytest.fixture
def visit(browser: Any, served: str) -> Iterator[Visit]:
    """A visit at 1440 x 900."""
    made = Visit(browser, served)
    yield made
    made.context.close()
