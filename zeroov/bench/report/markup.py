"""HTML that is safe by its making: every text is escaped, except what `element` itself made."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

VOID = ("img", "meta", "line", "rect", "circle", "path")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element; children that are no `Markup` are text.

    `class_` is `class`, `aria_label` is `aria-label`, and an attribute of `None` is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID and not children:
        return Markup(f"<{name}{written}>" if name in ("img", "meta") else f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Return elements and texts one after another."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children))


def quoted(text: str) -> Markup:
    """Return a text of others, whose direction of writing changes nothing around it."""
    return element("bdi", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, labels: int = 1, class_: str | None = None) -> Markup:
    """Return a table; the first `labels` cells of a row are its labels, the others figures to the right."""

    def line(cells: Sequence[str], kind: str) -> Markup:
        return element(
            "tr",
            *(
                element(
                    "th" if kind == "th" or place == 0 else kind,
                    cell,
                    scope="col" if kind == "th" else "row" if place == 0 else None,
                    class_=None if place < labels else "figure",
                )
                for place, cell in enumerate(cells)
            ),
        )

    body = element("tbody", *(line(row, "td") for row in rows))
    shown = element("table", element("thead", line(head, "th")), body, class_=class_)
    return element("div", shown, class_="wide")  # a wide table scrolls within itself


def _text(text: str) -> str:
    """Escape a text, and write control characters out: HTML cannot hold them."""
    plain = "".join(c if c >= " " or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
    return html.escape(plain.replace("\x7f", "\\x7f"))


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
