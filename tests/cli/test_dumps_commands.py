"""`zeroov dumps`, and `zeroov bench ablate` over a folder of dumps, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.dumps.world import SETS, World, recipe, write_world
from zeroov.cli.main import app


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
    counts = {stage: part["files"] for stage, part in told["stages"].items()}
    assert counts == {"overview": 4, "focus": 4, "evolve": 8, "candidates": 0, "listing": 0, "weighed": 0}
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
    run("bench", "ablate", world.maps, "evolve.k=7", "--truth", world.truth, *SETS)
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
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    for folder, truths, message in (
        (empty, truth, "hold no overview dumps"),
        (tmp_path / "none", truth, "no folder of dumps"),
        (empty, nothing, "no truth"),
    ):
        assert message in run("bench", "ablate", folder, "evolve.k=7", "--truth", truths, code=1).stderr
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


def ablate(world: World, *arguments: Any, code: int = 0) -> Any:
    return run("bench", "ablate", world.maps, "--truth", world.truth, *SETS, "--jobs", 1, *arguments, code=code)


def test_layers_print_json_and_plot(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "layers.png"
    arguments = ["--grid", "overview.layers=each,all,own,{3=2,0=1}", "--plot", plot]
    document = json.loads(ablate(world, *arguments, "--json").stdout)
    assert document["samples"] == 4
    best = max(document["settings"][:4], key=lambda row: row["pointing"]["attention"])
    assert best["setting"] == {"overview.layers": [3]}
    low, high = best["mask"]["mIoU_interval"]
    assert low <= best["mask"]["mIoU"] <= high
    assert min(shape(plot)) > 200
    lines = ablate(world, *arguments).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:8]] == ["0", "1", "2", "3", "all", "own", "{3=2,0=1}"]
    assert [line.split()[1] for line in lines[1:8] if "*" in line] == ["*"]
    assert str(plot) in lines[-1]


def test_focus_settings_are_compared_with_a_legend(world: World, tmp_path: Path) -> None:
    write_world(world.maps.parent, focus__t=300)
    plot = tmp_path / "grids.png"
    text = ablate(world, "--grid", "focus=none,each", "--plot", plot).stdout
    assert "\nnone " in text
    assert "ae233159 * " in text
    assert "ae233159: grids [8], t 100" in text
    assert "7dba3d5a: grids [8], t 300" in text
    assert min(shape(plot)) > 200
    assert "these are here" in ablate(world, "--grid", "focus=x", code=2).stderr


def test_the_best_come_first_and_the_recipe_s_own_is_printed_too(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "thresholds.png"
    arguments = ["--grid", "evolve.k=1,7", "evolve.tau=0.3", "evolve.alpha=0.1:0.9:0.1", "--best", 2]
    rows = json.loads(ablate(world, *arguments, "--plot", plot, "--json").stdout)["settings"]
    means = [row["mask"]["mIoU"] for row in rows]
    assert len(means) == 18
    assert means == sorted(means, reverse=True)
    lines = ablate(world, *arguments).stdout.splitlines()
    assert any(line.startswith("7, 0.3, 0.4 * ") for line in lines)
    assert len(lines) <= 7
    assert min(shape(plot)) > 200
    header, *table = ablate(world, *arguments[:-2], "--format", "csv", "--intervals").stdout.splitlines()
    assert header.startswith("evolve.k,evolve.tau,evolve.alpha,mark,A_C pointing,fused pointing,box Pr@0.5,")
    assert header.endswith(",mask Pr@0.5,mask mIoU,mask mIoU low,mask mIoU high,mask oIoU,p of mask mIoU")
    assert len(table) == 18
    cells = next(line.split(",") for line in table if line.startswith("7,0.3,0.4,own"))
    own = next(row for row in rows if row["own"])["mask"]["mIoU"]
    assert cells[-5] == f"{own:.2f}"
    assert own > 1
    assert cells[-1] == ""


def test_what_p_is_of_which_setting_is_best_and_why_there_is_no_p(world: World) -> None:
    heading, *lines = ablate(world, "--grid", "evolve.alpha=0.1,0.4,0.9").stdout.splitlines()
    assert heading.split()[-4:] == ["p", "of", "mask", "mIoU"]
    means = [float(line.partition(" [")[2].partition(" [")[0].split()[-1]) for line in lines[:3]]
    best = [line.endswith("  best") for line in lines[:3]]
    assert sum(best) == 1
    assert means[best.index(True)] == max(means)
    heading, *lines = ablate(world, "--grid", "evolve.alpha=0.1,0.9", "evolve.k=1").stdout.splitlines()
    assert " p " not in heading
    told = "no p, since the recipe's own setting is not among these; its values are evolve.alpha=0.4 evolve.k=7"
    assert told in lines
    ablate(world, "--grid", "evolve.alpha=0.1,0.4", "evolve.k=1,7", "--format", "txt", code=2)


def test_truths_without_masks_and_grids_of_one_value(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in world.truth.read_text().splitlines()]
    del rows[3]["box"], rows[3]["mask"]
    rows.append({"image": "nowhere.png", "expression": "the plane", "box": [0, 0, 1, 1]})
    world.truth.write_text("\n".join(json.dumps({k: v for k, v in row.items() if k != "mask"}) for row in rows))
    plot = tmp_path / "p.png"
    for grid in (["overview.layers=each"], ["focus=each"], ["evolve.k=7", "evolve.tau=0.3", "evolve.alpha=0.4"]):
        plot.unlink(missing_ok=True)
        text = ablate(world, "--grid", *grid, "--plot", plot, "--best", 3).stdout
        assert "box mIoU" in text
        assert "mask mIoU" not in text
        assert "1 truth without dumps\n1 truth without an object" in text
        assert min(shape(plot)) > 100


def test_three_keys_are_drawn_as_maps(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "p.png"
    grid = ["evolve.alpha=0.3:0.5:0.1", "overview.layers=each,{3=2,0=1}", "evolve.official=true,false", "evolve.k=7"]
    ablate(world, "--grid", *grid, "--plot", plot)
    assert min(shape(plot)) > 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "at least one key"),
        (["evolve.k=0"], "evolve.k"),
        (["evolve.k=1.5"], "evolve.k takes a whole number"),
        (["evolve.tau=2"], "between 0 and 1"),
        (["evolve.alpha=a"], "no value of `evolve.alpha`"),
        (["overview.layers={1=0}"], "weights"),
        (["overview.layers={9=1}"], "captured"),
        (["evolve.k=7", "--recipe", "papr"], "`paper`"),
        (["evolve.k=7", "--protocol", "honst"], "`honest`"),
    ],
)
def test_wrong_use_is_one_line(world: World, arguments: list[str], message: str) -> None:
    result = ablate(world, *arguments, code=2)
    assert message in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_run_and_a_folder_of_dumps_give_the_same_and_are_not_mixed_up(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "records.jsonl").write_text(world.records.read_text())
    made_with = recipe().deciding()
    (folder / "manifest.json").write_text(
        json.dumps({"samples": 4, "made_with": made_with, "dumps": [str(world.maps)]})
    )
    grid = ["--grid", "evolve.alpha=0.3,0.4", "--jobs", 1]
    of_run = json.loads(run("bench", "ablate", folder, *grid, "--json").stdout)["settings"]
    truth = ["--truth", folder / "records.jsonl", *SETS]
    assert json.loads(run("bench", "ablate", world.maps, *truth, *grid, "--json").stdout)["settings"] == of_run
    for arguments, message in (
        ([world.maps], "say with --truth FILE what is true"),
        ([folder, "--truth", world.truth], "is a run, which holds its truth"),
        ([folder, *SETS], "--recipe and --set go with --truth"),
    ):
        assert message in run("bench", "ablate", *arguments, *grid, code=2).stderr
    (world.maps / "x").mkdir()
    text = run("bench", "ablate", folder, *grid, "--dumps", world.maps / "x", "--dumps", world.maps).stdout
    assert "2 settings x 4 samples" in text


def test_every_dump_damaged_is_an_error(world: World) -> None:
    for path in world.maps.glob("*.overview.*"):
        damage(path)
    arguments = ["bench", "ablate", world.maps, "--truth", world.truth, *SETS, "evolve.k=7"]
    command = [sys.executable, "-m", "zeroov.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("checksum") == 4
    assert "zeroov dumps verify" in done.stderr.splitlines()[-1]


def test_a_plot_that_cannot_be_written_is_an_error(world: World, tmp_path: Path) -> None:
    assert "cannot be written" in ablate(world, "evolve.k=7", "--plot", tmp_path / "no" / "p.png", code=1).stderr


def test_no_torch_and_no_matplotlib_unless_asked(world: World, tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = None; sys.modules['matplotlib'] = None; "
    code = blocked + "from zeroov.cli.main import app; app()"
    for arguments in (
        ["dumps", "verify", world.maps],
        ["dumps", "quantise", world.maps, "--out", tmp_path / "small"],
        ["bench", "ablate", world.maps, "evolve.k=1,7", "--truth", world.truth, *SETS],
    ):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_two_hundred_settings_a_second_and_more(world: World) -> None:
    write_world(world.maps.parent, size=5)
    grid = ["evolve.k=1,3,7,15,31", "evolve.tau=0.1:0.6:0.1", "evolve.alpha=0.2:0.7:0.05"]
    document = json.loads(ablate(world, "--grid", *grid, "--json").stdout)
    assert document["samples"] * len(document["settings"]) / document["seconds"] > 200
