"""Every message that the page of troubleshooting quotes is one that the code says."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ANY = "…"


@functools.cache
def texts() -> str:
    """Return all texts of the code but docstrings, one a line, with `…` where a value is put in."""
    found: list[str] = []
    for path in sorted((ROOT / "zeroov").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else ANY for part in node.values)
                found.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                found.append(node.value)
    return "\n".join(text.replace("`", "").replace("\n", " ") for text in found)


def quoted() -> list[str]:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def said(message: str) -> bool:
    return message in texts()


def test_each_quoted_message_is_said_by_the_code() -> None:
    assert len(quoted()) > 50
    assert [message for message in quoted() if not said(message)] == []


def test_a_message_that_nobody_says_is_noticed() -> None:
    assert said("picture … does not exist")
    assert not said("picture … does not exist here")
    assert not said("Every error raised on purpose is a ZeroovError"), "a docstring is no message"


def test_no_message_is_quoted_twice() -> None:
    assert len(set(quoted())) == len(quoted())
