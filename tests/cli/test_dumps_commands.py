"""`zeroov dumps` and `zeroov analyse` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.dumps.world import SETS, World, write_world
from zeroov.cli.analyse import numbers
from zeroov.cli.main import app
from zeroov.errors import UsageError


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def run(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_ls_tells_what_is_there(world: World) -> None:
    write_world(world.maps.parent, evolve__alpha=0.2)
    (world.maps / "notes.txt").write_text("mine")
    told = json.loads(run("dumps", "ls", world.maps, "--json").stdout)
    assert {stage: part["files"] for stage, part in told["stages"].items()} == {"overview": 4, "focus": 4, "evolve": 8}
    assert told["bytes"] == sum(path.stat().st_size for path in world.maps.glob("*.safetensors"))
    assert (told["pictures"], told["expressions"], told["others"]) == (3, 4, 1)
    assert [(group["stage"], group["files"]) for group in told["groups"]] == [
        ("overview", 4),
        ("focus", 4),
        ("evolve", 4),
        ("evolve", 4),
    ]
    assert {group["settings"]["alpha"] for group in told["groups"] if group["stage"] == "evolve"} == {0.2, 0.4}
    assert told["groups"][0]["model"] == "vlm"
    text = run("dumps", "ls", world.maps).stdout
    assert "16 dumps" in text
    assert "1 other files" in text
    for path in world.maps.glob("*.overview.*"):
        path.unlink()
    assert "8 evolve dumps whose overview is not here" in run("dumps", "ls", world.maps).stdout


def test_verify_names_the_damaged_and_fails(world: World) -> None:
    assert "12 of 12 dumps are whole" in run("dumps", "verify", world.maps).stdout
    [bad, *_] = sorted(world.maps.glob("*.focus.*"))
    damage(bad)
    result = run("dumps", "verify", world.maps, code=1)
    assert bad.name in result.stdout
    assert "prune" in result.stdout
    told = json.loads(run("dumps", "verify", world.maps, "--json", code=1).stdout)
    assert [entry["file"] for entry in told["damaged"]] == [bad.name]
    run("dumps", "prune", world.maps, "--damaged", "--yes")
    run("dumps", "verify", world.maps)


def test_prune_is_a_dry_run_until_told(world: World) -> None:
    before = sorted(world.maps.iterdir())
    assert "would remove 4 files (4 evolve)" in run("dumps", "prune", world.maps, "--stage", "evolve").stdout
    assert sorted(world.maps.iterdir()) == before
    told = json.loads(run("dumps", "prune", world.maps, "--stage", "evolve", "--yes", "--json").stdout)
    assert told["removed"] is True
    assert told["bytes"] > 0
    assert len(list(world.maps.iterdir())) == 8
    assert "nothing meets that" in run("dumps", "prune", world.maps, "--stage", "evolve", "--yes").stdout


def test_prune_goes_by_age_settings_recipe_orphans_and_leftovers(world: World) -> None:
    write_world(world.maps.parent, focus__t=300)
    foreign = world.maps / "weights.safetensors"
    foreign.write_bytes(b"mine")
    digests = {
        group["settings"].get("t"): group["digest"]
        for group in json.loads(run("dumps", "ls", world.maps, "--json").stdout)["groups"]
    }

    def going(*options: Any) -> int:
        return len(json.loads(run("dumps", "prune", world.maps, *options, "--json").stdout)["files"])

    assert going("--settings", digests[300]) == 4
    assert going("--stage", "overview", "--settings", digests[300]) == 0
    assert going("--keep-recipe", "fast", *SETS) == 4, "the focus dumps of the other t"
    assert going("--keep-recipe", "fast") == 20, "other layers, grids and prompt: nothing of this recipe is here"
    assert going("--older-than", 1) == 0
    [old, *_] = sorted(world.maps.glob("*.focus.*"))
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    assert going("--older-than", 1) == 1
    assert going("--older-than", 1, "--stage", "evolve") == 0
    gone, *_ = sorted(world.maps.glob("*.overview.*"))
    gone.unlink()
    assert going("--orphans") == 2
    fresh, stale = (world.maps / f".zeroov-{digit * 32}.tmp" for digit in "01")
    for path in (fresh, stale):
        path.write_bytes(b"half")
    os.utime(stale, (time.time() - 7200,) * 2)
    assert going("--leftovers") == 1, "the other may be a running command's"
    run("dumps", "prune", world.maps, "--leftovers", "--older-than", 0, "--yes")
    assert sorted(world.maps.iterdir()) == sorted([fresh, foreign])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say what may go"),
        (["--stage", "overveiw"], "did you mean `overview`"),
        (["--settings", "12345678"], "no dumps here"),
        (["--keep-recipe", "papr"], "`paper`"),
        (["--set", "evolve.k=1", "--damaged"], "--keep-recipe"),
    ],
)
def test_prune_refuses_what_it_does_not_understand(world: World, options: list[str], message: str) -> None:
    result = run("dumps", "prune", world.maps, *options, "--yes", code=2)
    assert message in result.stderr
    assert len(list(world.maps.iterdir())) == 12


def test_a_read_only_folder_is_read_and_not_pruned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    run("dumps", "ls", world.maps)
    run("dumps", "verify", world.maps)
    run("analyse", "layers", world.maps, "--truth", world.truth, *SETS)
    assert "cannot be removed" in run("dumps", "prune", world.maps, "--stage", "focus", "--yes", code=1).stderr
    assert "cannot be written" in run("dumps", "export", world.maps, "--out", world.maps / "x", code=1).stderr


def test_empty_and_absent_folders(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out, truth = tmp_path / "out", tmp_path / "truth.jsonl"
    truth.write_text('{"image": "a.png", "expression": "x", "box": [0, 0, 1, 1]}\n')
    assert "0 dumps" in run("dumps", "ls", empty).stdout
    assert "0 of 0" in run("dumps", "verify", empty).stdout
    assert "nothing meets" in run("dumps", "prune", empty, "--stage", "focus", "--yes").stdout
    for command in (("dumps", "export", "--out", out), ("dumps", "quantise", "--out", out)):
        assert "holds no" in run(*command[:2], empty, *command[2:], code=1).stderr
    for name in ("layers", "grids", "thresholds"):
        assert "holds no overview dumps" in run("analyse", name, empty, "--truth", truth, code=1).stderr
        assert "no folder of dumps" in run("analyse", name, tmp_path / "none", "--truth", truth, code=1).stderr
        truth_of_nothing = tmp_path / "nothing.jsonl"
        truth_of_nothing.touch()
        assert "no truth" in run("analyse", name, empty, "--truth", truth_of_nothing, code=1).stderr
    for name in ("ls", "verify"):
        assert "no folder of dumps" in run("dumps", name, tmp_path / "none", code=1).stderr
        assert "no folder of dumps" in run("dumps", name, truth, code=1).stderr


def test_export_and_quantise_write_beside(world: World, tmp_path: Path) -> None:
    files = json.loads(run("dumps", "export", world.maps, "--out", tmp_path / "npz", "--json").stdout)["files"]
    assert len(files) == 4
    assert all(Path(name).is_file() for name in files)
    told = json.loads(run("dumps", "quantise", world.maps, "--out", tmp_path / "small", "--json").stdout)["focus"]
    assert len(told) == 4
    assert all(row["error"] <= 1 / 255 + 2**-11 for row in told)
    assert "no cell is off by more than" in run("dumps", "quantise", world.maps, "--out", tmp_path / "s2").stdout
    assert "name another" in run("dumps", "quantise", world.maps, "--out", world.maps, code=1).stderr


def shape(path: Path) -> tuple[int, ...]:
    with Image.open(path) as picture:
        picture.verify()
        return picture.size


def test_layers_print_json_and_plot(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "layers.png"
    options = ["--truth", world.truth, *SETS, "--plot", plot, "--weighting", "3,0=2,1"]
    told = json.loads(run("analyse", "layers", world.maps, *options, "--json").stdout)
    assert told["samples"] == 4
    best = max(told["rows"][:4], key=lambda row: row["pointing"]["mean"])
    assert best["name"] == "layer 3"
    low, high = best["mask_iou"]["interval"]
    assert low <= best["mask_iou"]["mean"] <= high
    assert min(shape(plot)) > 200
    text = run("analyse", "layers", world.maps, *options).stdout
    assert "layer 3" in text
    assert "3,0=2,1" in text
    assert str(plot) in text


def test_grids_compare_what_is_there(world: World, tmp_path: Path) -> None:
    write_world(world.maps.parent, focus__t=300)
    plot = tmp_path / "grids.png"
    text = run("analyse", "grids", world.maps, "--truth", world.truth, *SETS, "--plot", plot).stdout
    assert "t 100)" in text
    assert "t 300)" in text
    assert "without Focus" in text
    assert min(shape(plot)) > 200
    assert (
        "these are here"
        in run("analyse", "grids", world.maps, "--truth", world.truth, *SETS, "--settings", "x", code=2).stderr
    )


def test_thresholds_are_told_best_first_with_the_recipe_s_own(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "thresholds.png"
    options = ["--truth", world.records, *SETS, "--k", "1,7", "--tau", "0.3", "--alpha", "0.1:0.9:0.1", "--best", 2]
    told = json.loads(run("analyse", "thresholds", world.maps, *options, "--plot", plot, "--json").stdout)
    means = [row["mask_iou"]["mean"] for row in told["rows"]]
    assert len(means) == 18
    assert means == sorted(means, reverse=True)
    assert ["interval" in row["mask_iou"] for row in told["rows"]][:2] == [True, True]
    assert sum("interval" in row["mask_iou"] for row in told["rows"]) <= 3
    lines = run("analyse", "thresholds", world.maps, *options).stdout.splitlines()
    assert any("k 7, tau 0.3, alpha 0.4 (recipe fast)" in line for line in lines)
    assert len(lines) <= 5
    assert min(shape(plot)) > 200


def test_plots_without_true_masks_and_with_one_value(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in world.truth.read_text().splitlines()]
    world.truth.write_text("\n".join(json.dumps({k: v for k, v in row.items() if k != "mask"}) for row in rows))
    plot = tmp_path / "p.png"
    options = [world.maps, "--truth", world.truth, *SETS, "--plot", plot]
    for command in (("layers",), ("grids",), ("thresholds", "--k", "7", "--tau", "0.3", "--alpha", "0.4")):
        plot.unlink(missing_ok=True)
        assert " - " in run("analyse", command[0], *options, *command[1:]).stdout
        assert min(shape(plot)) > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["thresholds", "--k", "0"], "--k takes whole numbers"),
        (["thresholds", "--k", "1.5"], "--k takes whole numbers"),
        (["thresholds", "--tau", "2"], "--tau takes numbers between"),
        (["thresholds", "--alpha", "a"], "first:last:step"),
        (["layers", "--weighting", "1,2=1"], "LAYERS=WEIGHTS"),
        (["layers", "--weighting", "1,1=1,1"], "LAYERS=WEIGHTS"),
        (["layers", "--weighting", "9=1"], "captured"),
        (["layers", "--recipe", "papr"], "`paper`"),
    ],
)
def test_wrong_use_is_one_line(world: World, options: list[str], message: str) -> None:
    result = run("analyse", options[0], world.maps, "--truth", world.truth, *options[1:], code=2)
    assert message in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_every_dump_damaged_is_an_error(world: World) -> None:
    for path in world.maps.glob("*.overview.*"):
        damage(path)
    arguments = ["analyse", "layers", world.maps, "--truth", world.truth, *SETS]
    command = [sys.executable, "-m", "zeroov.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("checksum") == 4
    assert "zeroov dumps verify" in done.stderr.splitlines()[-1]


def test_a_plot_that_cannot_be_written_is_told(world: World, tmp_path: Path) -> None:
    options = ["--truth", world.truth, *SETS, "--plot", tmp_path / "none" / "p.png"]
    assert "cannot be written" in run("analyse", "layers", world.maps, *options, code=1).stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.1:0.3:0.1", [0.1, 0.2, 0.3]), ("1,2,2", [1, 2]), ("0.1:0.35:0.1", [0.1, 0.2, 0.3]), ("5", [5])],
)
def test_ranges_hold_both_ends(text: str, expected: list[float]) -> None:
    assert numbers("--x", text) == expected


@pytest.mark.parametrize("text", ["", "1:2", "1:2:0", "2:1:1", "0:1:1e-9", "nan", "inf", "0:inf:1", "1,", "nan:1:1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="first:last:step"):
        numbers("--x", text)


def test_no_torch_and_no_matplotlib_unless_asked(world: World, tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = None; sys.modules['matplotlib'] = None; "
    code = blocked + "from zeroov.cli.main import app; app()"
    for arguments in (
        ["dumps", "verify", world.maps],
        ["dumps", "quantise", world.maps, "--out", tmp_path / "small"],
        ["analyse", "thresholds", world.maps, "--truth", world.truth, *SETS],
    ):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_two_hundred_settings_a_second_and_more(world: World) -> None:
    write_world(world.maps.parent, size=5)
    told = json.loads(run("analyse", "thresholds", world.maps, "--truth", world.truth, *SETS, "--json").stdout)
    assert told["samples"] * len(told["rows"]) / told["seconds"] > 200
    assert np.isfinite([row["box_iou"]["mean"] for row in told["rows"]]).all()
