"""No room imports the package itself, only rooms in it: its face imports them."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "zeroov"
ROOMS = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__init__"}


def test_no_room_imports_the_package_itself() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert "zeroov" not in [alias.name for alias in node.names], path
            elif isinstance(node, ast.ImportFrom) and node.module == "zeroov":
                assert {alias.name for alias in node.names} <= ROOMS, path
