from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.batch import Asked
from zeroov.cli.main import app
from zeroov.files.paths import expanded

pytestmark = pytest.mark.usefixtures("kept_models")
QUICK = [
    "--set=overview.max_new_tokens=3",
    "--set=focus.resize_to=128",
    "--set=focus.grids=[16, 8]",
    "--set=focus.working_grid=16",
]
TINY = ["--recipe", "tiny", *QUICK]
PHRASE = "the white plane on the lower right"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo é.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)).save(path)
    return path


def run(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    if code:
        assert result.stderr.startswith("error: ") or "Usage" in result.stderr
        assert "Traceback" not in result.output
    return result


def test_ground_writes_everything(photo: Path, tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "new" / "out"
    report = json.loads(run("ground", photo, PHRASE, "--out", out, *TINY, "--json").stdout)
    assert {p.name for p in out.iterdir()} == {"mask.png", "overlay.png", "panel.png", "result.json"}
    assert json.loads((out / "result.json").read_text()) == report
    assert np.asarray(Image.open(out / "mask.png")).shape == (90, 150)
    assert report["status"] == "found"
    assert (np.asarray(Image.open(out / "mask.png")) > 0).sum() == report["mask_pixels"]
    text = run("ground", photo, PHRASE, "--out", out, *TINY, "--no-panel").stdout
    assert text.startswith("found")
    assert "overview" in text


def test_stage_by_stage_equals_all_at_once(photo: Path, tmp_path: Path, tiny: Path) -> None:
    maps, out = tmp_path / "maps", tmp_path / "out"
    run("overview", photo, PHRASE, "--out", maps, *TINY)
    run("focus", photo, "--out", maps, *TINY)
    [evolved] = json.loads(run("evolve", maps, "--out", out, *TINY, "--json").stdout)
    told = run("refine", out, *TINY, "--json", "--set=min_score=0.99")
    assert "min_score = 0.99 is not applied" in told.stderr
    [refined] = json.loads(told.stdout)
    whole = json.loads(run("ground", photo, PHRASE, "--out", tmp_path / "whole", *TINY, "--json").stdout)
    assert refined["box_xyxy"] == whole["box_xyxy"]
    assert evolved["status"] == "found"
    np.testing.assert_array_equal(
        np.asarray(Image.open(refined["mask"])), np.asarray(Image.open(tmp_path / "whole/mask.png"))
    )


def test_evolve_over_dumps_needs_no_torch(photo: Path, tmp_path: Path, tiny: Path) -> None:
    maps = tmp_path / "maps"
    run("overview", photo, PHRASE, "--out", maps, *TINY)
    run("focus", photo, "--out", maps, *TINY)
    code = "import sys; sys.modules['torch'] = None; from zeroov.cli.main import app; app()"
    command = [sys.executable, "-c", code, "evolve", str(maps), "--out", str(tmp_path / "out"), *TINY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("*.evolve.png"))


def test_evolve_says_what_is_missing_or_ambiguous(photo: Path, tmp_path: Path, tiny: Path) -> None:
    maps = tmp_path / "maps"
    run("overview", photo, PHRASE, "--out", maps, *TINY)
    assert "no focus dump" in run("evolve", maps, "--out", tmp_path, *TINY, code=1).stderr
    assert run("evolve", maps, "--out", tmp_path / "o", *TINY, '--set=stages=["overview","evolve"]')
    run("focus", photo, "--out", maps, *TINY)
    run("focus", photo, "--out", maps, *TINY, "--set=focus.t=200")
    run("evolve", maps, "--out", tmp_path / "o", *TINY)  # the one that the recipe makes
    assert "several focus" in run("evolve", maps, "--out", tmp_path, *TINY, "--set=focus.t=300", code=1).stderr
    assert "no folder of dumps" in run("evolve", tmp_path / "none", code=1).stderr
    (tmp_path / "empty").mkdir()
    assert "no overview dumps" in run("evolve", tmp_path / "empty", code=1).stderr
    assert "no evolve dumps" in run("refine", tmp_path / "empty", *TINY, code=1).stderr


def test_a_picture_whose_name_begins_with_a_tilde(
    photo: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(photo, "~nobody-of-this-name.png")
    run("overview", "~nobody-of-this-name.png", PHRASE, "--out", "maps", *TINY)
    assert list(Path("maps").glob("*.safetensors"))
    assert Asked.of(Path("~nobody-of-this-name.png")).place == str(tmp_path.resolve() / "~nobody-of-this-name.png")
    assert expanded("~/a.png") == Path.home() / "a.png"


def test_refine_refuses_another_picture(photo: Path, tmp_path: Path, tiny: Path) -> None:
    maps, out = tmp_path / "maps", tmp_path / "out"
    run("overview", photo, PHRASE, "--out", maps, *TINY)
    run("evolve", maps, "--out", out, *TINY, '--set=stages=["overview","evolve"]')
    moved = tmp_path / "moved"
    moved.mkdir()
    photo.rename(moved / photo.name)
    assert "moved" not in run("refine", out, *TINY, code=1).stdout
    run("refine", out, "--images", moved, *TINY)
    Image.new("RGB", (150, 90)).save(moved / photo.name)
    assert "not the picture" in run("refine", out, "--images", moved, *TINY, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ground", "none.jpg", PHRASE], 1, "none.jpg"),
        (["ground", "PHOTO", ""], 2, "expression is empty"),
        (["ground", "PHOTO", PHRASE, "--set", "evolve.alfa=1"], 2, "did you mean"),
        (["ground", "PHOTO", PHRASE, "--recipe", "papr"], 2, "`paper`"),
        (["ground", "PHOTO", PHRASE, "--recipe", "tiny", "--set", "overview.model=./nowhere"], 1, "nowhere"),
        (["ground", "PHOTO", PHRASE, "--recipe", "fast"], 1, "zeroov models get"),
        (["ground", "PHOTO"], 2, "xpression"),
        (["focus", "PHOTO", "--recipe", "paper"], 2, "focus.prompt"),
        (["grond"], 2, "ground"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(
    arguments: list[str],
    code: int,
    message: str,
    photo: Path,
    tmp_path: Path,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*[str(photo) if a == "PHOTO" else a for a in arguments], code=code)
    assert message in result.stderr.replace("EXPRESSION", "expression")
    assert result.stdout == ""
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
    if "Usage" not in result.stderr:
        assert len(result.stderr.strip().splitlines()) == 1


def test_cuda_absent_and_output_not_writable(photo: Path, tmp_path: Path, tiny: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        assert (
            "--device cpu" in run("ground", photo, PHRASE, "--out", tmp_path, *TINY, "--device", "cuda", code=1).stderr
        )
    (tmp_path / "file").write_text("")
    assert "file" in run("ground", photo, PHRASE, "--out", tmp_path / "file", *TINY, code=1).stderr


def test_recipes_lists_and_shows(tmp_path: Path) -> None:
    assert "fast (default)" in run("recipes").stdout
    assert {r["name"] for r in json.loads(run("recipes", "--json").stdout)} >= {"paper", "official", "fast", "tiny"}
    shown = run("recipes", "show", "tiny", "--set", "evolve.alpha=0.35").stdout
    path = tmp_path / "mine.toml"
    path.write_text(shown)
    assert json.loads(run("recipes", "show", path, "--json").stdout)["evolve"]["alpha"] == 0.35


def test_demo(tmp_path: Path, tiny: Path) -> None:
    report = json.loads(run("demo", "--out", tmp_path, *QUICK, "--json").stdout)
    assert report["truth_box_xyxy"]
    assert Path(report["files"]["panel"]).stat().st_size > 1000


def test_the_official_habits(photo: Path, tmp_path: Path, tiny: Path) -> None:
    """The scripts write down what they call; the calls are made here, where torch is imported already."""
    root, noting, noted = Path(__file__).parents[2], tmp_path / "noting.sh", tmp_path / "noted"
    noting.write_text(f"printf '%s\\0' \"$@\" > '{noted}'\n")
    environment = {"PATH": "/usr/bin:/bin", "ZEROOV": f"sh {noting}"}
    for script in ("llmattn.sh", "generate_diffusion.sh"):
        asked = ["--image_path", str(photo), f"--question={PHRASE} ", "--out", str(tmp_path / "m"), *TINY]
        subprocess.run(["bash", str(root / script), *asked], check=True, env=environment)
        run(*noted.read_text().split("\0")[:-1])
    assert sorted(p.name.split(".", 1)[1] for p in (tmp_path / "m").iterdir()) == [
        "focus.safetensors",
        "overview.png",
        "overview.safetensors",
    ]


def test_import_and_help_are_quick_and_need_no_torch() -> None:
    code = "import sys, zeroov, zeroov.cli.main; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    start = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (
        time.perf_counter() - start < 10
    )  # a torch import would show as torch in sys.modules; this only catches a hang
    shown = subprocess.run(
        [sys.executable, "-m", "zeroov.cli.main", "--help"], capture_output=True, text=True, check=True
    )
    assert "ground" in shown.stdout


@pytest.mark.parametrize("command", ["", "ground", "bench run", "dumps prune"])
def test_help_shows_flags_without_a_value(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "--help" in result.output
    assert "bool" not in result.output.lower()


def test_a_stop_while_modules_are_imported_is_no_traceback() -> None:
    code = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from zeroov.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert tomllib.loads(pyproject)["project"]["scripts"]["zeroov"] == "zeroov.__main__:main"
