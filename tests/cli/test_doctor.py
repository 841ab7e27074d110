from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zeroov.cli.main import app
from zeroov.doctor import examine as rounds
from zeroov.doctor.check import Check


def doctor(*words: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *words])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_line_is_printed_with_what_to_do(tmp_path: Path) -> None:
    result = doctor(
        "--recipe", "mini", "--set", "overview.model=./nowhere", "--device", "cpu", "--out", "my/report.json"
    )
    assert result.exit_code == 1
    rows = result.stdout.splitlines()
    report = json.loads((tmp_path / "my" / "report.json").read_text())
    printed = [row for row in rows if row and row.split()[0] in ("ok", "warning", "failed", "skipped")]
    assert [row[9:].split("  ")[0].strip() for row in printed] == [check["name"] for check in report["checks"]]
    failed = next(index for index, row in enumerate(rows) if row.startswith("failed"))
    assert "overview model" in rows[failed]
    assert "./nowhere" in rows[failed], "what is printed here names the folder"
    assert rows[failed + 1].strip().startswith("-> `zeroov models --recipe mini --set overview.model=./nowhere`")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in report["verdicts"].items())
    assert rows[-1] == f"{counted}; wrote my/report.json"


def test_what_was_found_is_kept_where_the_program_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> object:
        yield Check("packages", "ok", "all")
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "examine", ended)
    assert doctor("--recipe", "mini").exit_code != 0
    assert [row["name"] for row in json.loads((tmp_path / "zeroov-doctor.json").read_text())["checks"]] == ["packages"]


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    assert doctor("--recipe", "papr").exit_code == 2
    result = doctor("--recipe", "mini", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "a folder of that name is in the way" in result.stderr
    assert result.stdout == ""


def test_help_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from zeroov.cli.main import app; app()"
    done = subprocess.run([sys.executable, "-c", code, "doctor", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "attach it to an issue" in " ".join(done.stdout.split())
