"""The pages for users: their commands and their Python run in order, from an empty folder, without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.stem for path in (ROOT / "docs" / "for").glob("*.md"))
NOT_HERE = (
    "zeroov serve",
    "zeroov models --set",
)  # runs until it is stopped (see tests/serve/); names the reader's folders


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of code of a page in order, each with its language; "" is a shell's."""
    text = (ROOT / "docs" / "for" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_code_that_can_be_run(page: str) -> None:
    assert {language for language, _ in blocks(page)} <= {"", "python"}
    assert len(blocks(page)) >= 3


@pytest.mark.far
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page: str, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, arguments in (("zeroov", "-m zeroov"), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (commands / name).chmod(0o755)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    search = os.pathsep.join([str(commands), os.environ["PATH"]])
    environment = {**os.environ, "PATH": search, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    python = "".join(code for language, code in blocks(page) if language == "python")
    shell = "".join(code for language, code in blocks(page) if not language and not code.startswith(NOT_HERE))
    work = tmp_path / "work"
    work.mkdir()
    for command in (["bash", "-euo", "pipefail", "-c", shell], [sys.executable, "-c", python]):
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
