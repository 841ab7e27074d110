"""What a first answer costs, from the command to its end: `OMP_NUM_THREADS=1 python -m scripts.bench_start`.

`zeroov ground` on a drawn scene, beside `import torch, transformers` alone and beside the classes of recipe `mini`'s
models, imported by hand. All are processes of their own, run in turn, the files warm from a round that does not count.
Ratios are of processor time, each round by itself: wall time on a shared machine says what others do. Ends with one
JSON line.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from zeroov.mini.scenes import make_scene, seed_for

COUNTED = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); "
LIBRARIES = "import torch, transformers"
CLASSES = (
    "import torch, segment_anything, qwen_vl_utils\n"
    "from transformers import AutoModelForImageTextToText, AutoProcessor, CLIPTextModel, CLIPTokenizer\n"
    "from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor\n"
    "from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel\n"
)
GROUND = "from zeroov.__main__ import main; main()"
PLAIN = ["--no-panel", "--set", 'stages=["overview", "refine"]']
CASES: dict[str, list[str]] = {
    "mini": ["--recipe", "mini"],
    "mini, no panel": ["--recipe", "mini", "--no-panel"],
    "mini, Overview and Refine, no panel": ["--recipe", "mini", *PLAIN],
    "select-mini": ["--recipe", "select-mini"],
}


def measured(command: Sequence[str]) -> tuple[float, float, int]:
    """Run a process; return its processor seconds, its wall seconds, and how many modules it had at its end."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, wall, int(done.stderr.split()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", choices=list(CASES), action="append", help="by default all")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        image = Path(place) / "scene.png"
        Image.fromarray(make_scene(seed_for("test", 3)).image).save(image)
        asked = ["ground", str(image), "the building", "--out", str(Path(place) / "out")]
        commands = {
            name: [sys.executable, "-c", COUNTED + code]
            for name, code in (("libraries", LIBRARIES), ("classes", CLASSES))
        }
        for name in args.case or CASES:
            commands[name] = [sys.executable, "-c", COUNTED + GROUND, *asked, *CASES[name]]
        rounds = [{name: measured(command) for name, command in commands.items()} for _ in range(args.rounds + 1)][1:]
    table: dict[str, dict[str, float]] = {}
    for name in commands:
        used, walls, modules = zip(*(each[name] for each in rounds), strict=True)
        ratio = statistics.median(each[name][0] / each["libraries"][0] for each in rounds)
        row = {"cpu": statistics.median(used), "wall": statistics.median(walls), "ratio": ratio}
        table[name] = {key: round(value, 2) for key, value in row.items()} | {"modules": modules[-1]}
        print(f"{name:36} {row['cpu']:6.2f} s of a core, {row['wall']:6.2f} s, {ratio:5.2f} x, {modules[-1]} modules")
    print(json.dumps({"bench": "start", "rounds": args.rounds, "cases": table, "bars": {"mini": 1.6}}))


if __name__ == "__main__":
    main()
