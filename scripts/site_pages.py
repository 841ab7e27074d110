"""A hook of mkdocs: pages outside docs/ become pages of the site, and links lead there as they do on GitHub."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/README.md": "examples.md",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")  # its text, where it leads, an anchor


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages outside docs/, and the files outside docs/ to which a page has a link."""
    from mkdocs.structure.files import File

    for path, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    linked = {target for file in files.documentation_pages() for target in targets(source_of(file.src_uri))}
    for target in sorted(linked):
        if site_path(target) == f"files/{target}" and (ROOT / target).is_file():
            files.append(File.generated(config, f"files/{target}", abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    source = source_of(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        target = resolved(source, match[2])
        if target is None or not (ROOT / target).is_file():
            return match[1] if target and (ROOT / target).is_dir() else match[0]  # the site has no lists of files
        link = posixpath.relpath(site_path(target), posixpath.dirname(page.file.src_uri) or ".")
        return f"[{match[1]}]({link}{match[3] or ''})"

    return LINK.sub(turned, markdown)


def source_of(page: str) -> str:
    """Return the path in the repository of a page of the site."""
    return {site: path for path, site in PAGES.items()}.get(page, f"docs/{page}")


def site_path(target: str) -> str:
    """Return where a file of the repository is on the site."""
    return PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"files/{target}")


def targets(source: str) -> Iterator[str]:
    """Yield the files of the repository to which a page has links."""
    path = ROOT / source
    if path.suffix == ".md" and path.is_file():
        for match in LINK.finditer(path.read_text(encoding="utf-8")):
            if target := resolved(source, match[2]):
                yield target


def resolved(source: str, link: str) -> str | None:
    """Return the path in the repository to which a relative link leads; `None` of an address on the web."""
    if re.match(r"[a-z]+:|/", link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
