"""A report names no person, computer or folder, whatever those are called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.doctor.conftest import SMALL
from zeroov import recipe as recipes
from zeroov.cli.main import app
from zeroov.doctor.check import Check
from zeroov.doctor.report import document, private_words, without


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in /srv/models/qwen is incomplete", "in <path> is incomplete"),
        ("`/srv/my models/qwen`; copy it", "`<path>`; copy it"),
        ("No such file: '/srv/my models/a.bin'", "No such file: '<path>'"),
        ("in ~/models and ./here/x, ../there/y", "in <path> and <path>, <path>"),
        (r"C:\Users\jane\qwen is no folder; D:/models/x too", "<path> is no folder; <path> too"),
        (r"\\server\share\qwen is gone", "<path> is gone"),
        ("--set overview.model=/srv/qwen", "--set overview.model=<path>"),
        ("path:/srv/qwen, in (/srv/qwen)", "path:<path>, in (<path>)"),
        ("Qwen/Qwen2.5-VL-7B-Instruct, builtin:mini", "Qwen/Qwen2.5-VL-7B-Instruct, builtin:mini"),
        ("see https://pytorch.org/get and/or 3 / 4 of 1/2", "see https://pytorch.org/get and/or 3 / 4 of 1/2"),
        ("[39, 128, 106, 196] in 10 tokens", "[39, 128, 106, 196] in 10 tokens"),
    ],
)
def test_every_path_is_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert without(text, []) == expected


def test_names_are_replaced_as_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "jane")
    monkeypatch.setattr("platform.node", lambda: "janes-desk.example.org")
    private = private_words(recipes.load("mini"))
    text = "Jane on janes-desk.example.org (janes-desk) saw janet"
    assert without(text, private) == "<user> on <host> (<host>) saw janet"


def test_a_hostile_home_and_model_folder_leave_no_trace(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / 'Jane O\'Doe; the 2nd, "née" `Söhne` (ü)'
    models = home / "jane's models"
    models.mkdir(parents=True)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "jdoe")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("platform.node", lambda: "jdoes-laptop")
    monkeypatch.chdir(home)
    shutil.copytree(tiny / "diffusion", models / "diffusion")
    (models / "diffusion" / "vae" / "config.json").unlink()  # an error that names the folder
    (models / "sam jdoe.pth").write_bytes(b"no checkpoint")
    (home / "vlm of jdoe").mkdir()
    changes = {
        "overview.model": "vlm of jdoe",
        "focus.model": str(models / "diffusion"),
        "refine.checkpoint": "~/jane's models/sam jdoe.pth",
    }
    words = [word for key, value in (SMALL | changes).items() for word in ("--set", f"{key}={value}")]
    result = CliRunner().invoke(app, ["doctor", "--recipe", "tiny", "--device", "cpu", "--json", *words])
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert json.loads((home / "zeroov-doctor.json").read_text(encoding="utf-8")) == report
    rows = {row["name"]: row for row in report["checks"]}
    for stage in ("overview", "focus", "refine"):
        assert rows[f"{stage} model"]["verdict"] == "failed", "the errors that name folders are in the report"
    assert "is incomplete" in rows["focus model"]["measured"]
    text = json.dumps(report, ensure_ascii=False).lower()
    for trace in (
        "jane",
        "doe",
        "née",
        "söhne",
        "2nd",
        "(ü)",
        str(tmp_path).lower(),
        str(tiny).lower(),
        "/home",
        "/tmp",
    ):
        assert trace not in text, f"{trace}: {text[max(0, text.find(trace) - 150) : text.find(trace) + 80]}"


def test_the_report_holds_every_line_and_what_was_asked() -> None:
    recipe = recipes.load("mini")
    checks = [Check("device", "ok", "cpu"), Check("x", "failed", "in /srv/x", "see /srv/y", {"apart": 0.5})]
    report = document(recipe, checks)
    assert report["verdicts"] == {"ok": 1, "warning": 0, "failed": 1, "skipped": 0}
    assert report["checks"][1] == {
        "name": "x",
        "verdict": "failed",
        "measured": "in <path>",
        "advice": "see <path>",
        "figures": {"apart": 0.5},
    }
    assert report["recipe"] == {"digest": recipe.digest, "settings": recipe.to_dict()}
    assert report["packages"]["torch"]
