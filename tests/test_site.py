"""The documents as a site: built strictly, without a network, and nothing in it is loaded from another host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts import site_pages

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9"


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml; what it says in Python's own tags is left out."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)


def pages_in(entries: object) -> list[str]:
    """Return all pages that a navigation names."""
    if isinstance(entries, str):
        return [entries]
    parts = entries.values() if isinstance(entries, dict) else entries
    return [page for part in parts for page in pages_in(part)]


def test_every_document_stands_in_the_navigation_once() -> None:
    named = pages_in(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"])
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(written | set(site_pages.PAGES.values()))


@pytest.mark.parametrize(
    ("source", "link", "page"),
    [
        ("README.md", "docs/maps.md", "maps.md"),
        ("README.md", "CONTRIBUTING.md", "contributing.md"),
        ("docs/speed.md", "../README.md", "index.md"),
        ("docs/for/gis.md", "../maps.md", "maps.md"),
        ("docs/python.md", "../examples/fastapi_app.py", "files/examples/fastapi_app.py"),
    ],
)
def test_a_link_leads_on_the_site_where_it_leads_on_github(source: str, link: str, page: str) -> None:
    target = site_pages.resolved(source, link)
    assert target
    assert site_pages.site_path(target) == page


def test_an_address_on_the_web_stays() -> None:
    assert site_pages.resolved("README.md", "https://arxiv.org/abs/2509.18711") is None


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site strictly, with every way to the network closed."""
    closed = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE) | {"NO_PROXY": ""}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = os.environ | closed | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.far
def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings")
    pytest.importorskip("material")
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    html = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    assert len(html) > 30
    foreign = [
        (name, tag)
        for name, text in html.items()
        for tag in re.findall(r"<(?:script|img|iframe)[^>]*src=\"?http[^>]*", text)
    ]
    foreign += [(name, tag) for name, text in html.items() for tag in re.findall(r"<link[^>]*href=\"?http[^>]*", text)]
    assert foreign == []
    styles = [path.read_text("utf-8") for path in tmp_path.rglob("*.css")]
    assert styles
    assert not any(re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", style) for style in styles)
    assert "Return a pipeline for a recipe" in html["reference/ground.html"], "the reference holds no docstrings"
    assert 'src="page-answered.png"' in html["index.html"]
    assert 'href="../maps.html#how-a-large-scene-is-searched"' in html["for/gis.html"]
    assert (tmp_path / "notebooks" / "scene_to_map.ipynb").exists()
    assert (tmp_path / "files" / "examples" / "fastapi_app.py").exists()


@pytest.mark.far
@pytest.mark.parametrize("link", ["nowhere.md", "maps.md#no-such-heading"])
def test_a_link_that_leads_nowhere_ends_the_build(link: str, tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings")
    copy = tmp_path / "copy"
    ours = shutil.ignore_patterns("*.safetensors", "*.npz", "__pycache__")
    for name in ("docs", "zeroov", "scripts", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=ours)
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    with (copy / "docs" / "stages.md").open("a") as page:
        page.write(f"\n[elsewhere]({link})\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert link.partition("#")[0] in done.stderr
