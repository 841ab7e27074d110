"""What a batch will cost is what was measured, multiplied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.scale.plan import Plan

pytestmark = pytest.mark.usefixtures("kept_models")


def test_hours_and_disk_are_multiplied() -> None:
    plan = Plan(1000, 2000, 20, 1, "cuda", seconds=3.6, load_seconds=36, answer_bytes=2e3, dump_bytes=1e6)
    assert plan.hours(1) == pytest.approx(1.01)
    assert plan.hours(8) == pytest.approx((36 + 125 * 3.6) / 3600)
    assert plan.hours(64) == pytest.approx((36 + 16 * 3.6) / 3600), "one device has 16 images, others 15"
    assert plan.device_hours(64) == pytest.approx(1 + 64 * 0.01)
    report = plan.to_json()
    assert report["disk_bytes"] == {"answers": 2_000_000, "dumps": 1_000_000_000}
    assert [cost["devices"] for cost in report["costs"]] == [1, 8, 64]


def test_a_few_images_are_asked_and_nothing_is_kept(tmp_path: Path) -> None:
    rgb = next(iter(questions(1))).scene.image
    for number in range(5):
        Image.fromarray(rgb).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    (tmp_path / "asked.txt").write_text("the ship\nthe building\n")
    before = sorted(tmp_path.iterdir())
    command = ["plan", str(tmp_path), "--expressions", str(tmp_path / "asked.txt"), "--recipe=mini", "--device=cpu"]
    done = CliRunner().invoke(app, [*command, "--measure=3", "--dumps", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["images"], report["questions"], report["measured"], report["failed"]) == (5, 10, 3, 0)
    assert report["seconds"] > 0
    assert report["answer_bytes"] > 100
    assert report["dump_bytes"] > 1000
    assert sorted(tmp_path.iterdir()) == before
    said = CliRunner().invoke(app, [*command, "--measure=5"]).output
    assert "5 images, 10 questions" in said
    assert "1 failed" in said
    assert " 64 at once" in said
    assert "it says nothing of a GPU" in said
    (tmp_path / "0.png").write_bytes(b"no image")
    assert "nothing to multiply" in CliRunner().invoke(app, [*command, "--measure=1"]).output
