"""docs/bench.md works as it is pasted: every block, in its order, in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zeroov.cli.main import app

pytestmark = pytest.mark.usefixtures("kept_models")
PAGE = Path(__file__).parents[2] / "docs" / "bench.md"


def blocks(kind: str = "") -> list[str]:
    """Return the blocks of the page's steps of a kind, by default those that are to be pasted."""
    steps = PAGE.read_text().partition("\n## Step by step\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```$", steps, re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == kind]


def commands() -> list[str]:
    return [line for block in blocks() for line in block.splitlines() if line.startswith("zeroov ")]


def test_every_block_of_the_page_is_a_program_or_commands() -> None:
    assert len(commands()) == 13
    for block in blocks():
        lines = block.splitlines()
        here = lines[0] == "python - <<'EOF'" and lines[-1] == "EOF"
        assert here or all(line.startswith("zeroov bench ") for line in lines), block


def test_the_page_works_as_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed: dict[str, str] = {}
    for block in blocks():
        if block.startswith("python "):
            exec(compile(block.partition("\n")[2].removesuffix("EOF\n"), PAGE.name, "exec"), {})
            continue
        for line in block.splitlines():
            command, _, file = line.partition(" > ")
            result = CliRunner().invoke(app, shlex.split(command)[1:])
            assert result.exit_code == 0, (line, result.output)
            printed[line] = result.stdout
            if file:
                Path(file).write_text(result.stdout)
    changes = [json.loads(Path(f"runs/{run}/manifest.json").read_text())["changes"] for run in ("mini", "alpha")]
    assert changes == [{}, {"evolve.alpha": 0.6}]
    [shown] = blocks("text")
    [compared] = [text for line, text in printed.items() if line == "zeroov bench compare runs/mini runs/alpha"]
    assert shown in compared
    [pasted] = [text for line, text in printed.items() if line.endswith("--format markdown")]
    assert names_of(pasted) == names_of(PAGE.read_text().partition("### 6")[2].partition("### 7")[0])
    for figure in ("table.tex", "alpha.tex"):
        assert Path(figure).read_text().rstrip().endswith(r"\end{tabular}")
    assert len(list(Path("world/worst").glob("*.png"))) == 3


def names_of(text: str) -> list[str]:
    """Return a Markdown table's header and its systems, whose figures may differ in a digit on another machine."""
    header, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    return [*map(str.strip, header.split("|")), *(row.split("|")[1].strip() for row in rows)]
