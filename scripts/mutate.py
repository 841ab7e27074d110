"""Change the pure rooms by one token at a time, and count how many changes the nearest tests notice.

    python -m scripts.mutate --sample 20 --seed 0            # every room
    python -m scripts.mutate language frames --sample 20     # two of them

No file is changed: a changed module exists only in the memory of a child process, which runs the nearest tests.
A change that no test can notice, since the module behaves as before, is written down in `scripts/equivalent.toml`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.changes import Change, changed_code, changes_of

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "cv2",
    "PIL.Image",
    "hypothesis",
    "pytest",
    "rasterio",
    "shapely",
    "pycocotools",
)
LONGEST_S = 120


# The modules of a room, and the tests that stand nearest to each.
ROOMS: dict[str, dict[str, tuple[str, ...]]] = {
    "evolve": dict.fromkeys(("evolve/fuse", "evolve/grow", "evolve/stage"), ("evolve",)),
    "frames": {"frames": ("test_frames.py",)},
    "overview": {
        "overview/answer": ("overview/test_answer.py",),
        "overview/combine": ("overview/test_combine.py",),
        "overview/families": ("overview/test_answer.py", "overview/test_families.py"),
    },
    "search": {
        "candidates/glance": ("candidates/test_glance.py",),
        "candidates/slices": ("candidates/test_slices.py", "search/test_tiles.py"),
        "search/tiles": ("search/test_tiles.py",),
    },
    "language": {
        "language/nouns": ("language/test_phrase.py",),
        "language/phrase": ("language/test_phrase.py",),
        "language/reader": ("language/test_phrase.py", "language/test_reading.py"),
        "language/spelling": ("language/test_phrase.py", "language/test_reading.py"),
        "language/remarks": ("language/test_reading.py",),
        "language/position": ("language/test_position.py",),
    },
    "zoom": {
        "zoom/merge": ("zoom/test_merge.py",),
        "zoom/crop": ("zoom/test_crop.py",),
        "zoom/pyramid": ("zoom/test_pyramid.py",),
    },
    "scoring": {
        "bench/scoring/metrics": ("bench/scoring/test_metrics.py",),
        "bench/scoring/overlaps": ("bench/scoring/test_metrics.py", "bench/scoring/test_unreadable.py"),
        "bench/scoring/statistics": ("bench/scoring/test_statistics.py",),
    },
    "raster": {"raster/stretch": ("raster/test_stretch.py",), "raster/reduce": ("raster/test_reduce.py",)},
    "outputs": {
        "outputs/rle": ("outputs/test_rle.py", "outputs/test_labels.py"),
        "outputs/polygons": ("outputs/test_polygons.py",),
    },
    "candidates": {
        "candidates/among": ("candidates/test_choose.py",),
        "candidates/choose": ("candidates/test_choose.py",),
        "candidates/parts": ("candidates/test_parts.py",),
        "candidates/place": ("candidates/test_choose.py",),
        "candidates/relate": ("candidates/test_choose.py",),
        "candidates/relation": ("candidates/test_relation.py",),
        "candidates/size": ("candidates/test_choose.py",),
    },
    "refine": {"refine/draw": ("refine/test_sam.py",)},
}
# Where a module is not all pure, the functions that are.
ONLY = {"refine/draw": ("decode", "refine", "refine_at", "_best")}


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module from changed code, in this process alone."""

    def __init__(self, name: str, path: Path, code: Any) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(self.code, module.__dict__)


def run_tests(tests: Sequence[str], change: Change | None, source: str, limit_s: float) -> tuple[bool, str]:
    """Run tests in a fork of this process, with the heavy packages loaded; return if they pass, and how it ended."""
    child = os.fork()
    if child == 0:
        code = 99
        try:  # whatever happens, the child must not leave this block: the rest of the program is its parent's
            code = _run_tests_here(tests, change, source)
        finally:
            os._exit(code)
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code == 0, f"exit {code}"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False, "time"


def _run_tests_here(tests: Sequence[str], change: Change | None, source: str) -> int:
    """Run tests in this process, with a changed module; return pytest's exit code."""
    os.setsid()
    if change is not None:  # what the tests print without a change is shown
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        name = "zeroov." + change.module.removeprefix("zeroov/").removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, _Changed(name, ROOT / change.module, changed_code(source, change)))
    import pytest

    options = ["-q", "-x", "-m", "not slow", "--hypothesis-seed=0", "--assert=plain"]
    options += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "anyio", "unraisableexception")]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    options += [f"--basetemp={os.environ['HYPOTHESIS_STORAGE_DIRECTORY']}/files"]
    return int(pytest.main([*options, *(str(ROOT / "tests" / test) for test in tests)]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", choices=[*ROOMS, []], help=f"rooms to change; all: {', '.join(ROOMS)}")
    parser.add_argument("--sample", type=int, default=20, help="changes per module, drawn at random; 0: all of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON line for each change")
    parser.add_argument("--again", type=Path, help="only the changes that this file of --out says were left")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for package in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(package)
    gc.freeze()  # what is loaded stays: no child needs to look for garbage in it
    equivalent = tomllib.loads((ROOT / "scripts" / "equivalent.toml").read_text(encoding="utf-8"))
    log = options.out.open("a", encoding="utf-8") if options.out else None
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"seed {options.seed}, {options.sample or 'all'} changes a module, commit {commit}\n")
    rows = ["| room | changes | noticed | equivalent | left | noticed of the others |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder  # examples of one change must not help against the next
        for room in options.rooms or ROOMS:
            counts = _measure(ROOMS[room], options, equivalent, log)
            others = counts["noticed"] + counts["left"]
            share = f"{counts['noticed'] / others:.0%}" if others else "-"
            rows.append(
                f"| {room} | {sum(counts.values())} | " + " | ".join(map(str, counts.values())) + f" | {share} |"
            )
            print("\n".join([rows[0], rows[1], rows[-1]]) + "\n", flush=True)
    print("\n".join(rows))
    return 0


def _measure(
    room: dict[str, tuple[str, ...]], options: argparse.Namespace, equivalent: dict[str, Any], log: Any
) -> dict[str, int]:
    again = [json.loads(line) for line in options.again.read_text().splitlines()] if options.again else []
    wanted = {(line["module"], line["label"]) for line in again if line["result"] == "left"}
    counts = {"noticed": 0, "equivalent": 0, "left": 0}
    for name, tests in room.items():
        module = f"zeroov/{name}.py"
        source = (ROOT / module).read_text(encoding="utf-8")
        changes = changes_of(module, source, ONLY.get(name, ()))
        if options.sample and len(changes) > options.sample:
            changes = random.Random(f"{options.seed} {module}").sample(changes, options.sample)
        if options.again:
            changes = [change for change in changes if (module, change.label) in wanted]
        if not changes:
            continue
        start = time.monotonic()
        passed, how = run_tests(tests, None, "", LONGEST_S)
        if not passed:
            raise SystemExit(f"{' '.join(tests)} fail without any change ({how}); mend them first")
        limit_s = min(LONGEST_S, 10 + 5 * (time.monotonic() - start))
        for change in changes:
            if change.label in equivalent.get(module, {}):
                result, how = "equivalent", ""
            else:
                passed, how = run_tests(tests, change, source, limit_s)
                result = "left" if passed else "noticed"
            counts[result] += 1
            if result == "left":
                print(f"left: {module} {change.label}", flush=True)
            if log:
                log.write(json.dumps({"module": module, "label": change.label, "result": result, "how": how}) + "\n")
                log.flush()
    return counts


if __name__ == "__main__":
    sys.exit(main())
