"""Run a benchmark again and again, kill -9 at random moments, and let it finish: `python killed.py CSV OUT`.

It is killed `ZEROOV_KILLS` times, and then until a kill fell into the writing of records.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

import torch
import transformers

from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.runs.run import run

KILLS = int(os.environ.get("ZEROOV_KILLS", "6"))


def main() -> None:
    """Print how many records stood after each kill."""
    csv, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    for module in ("overview.stage", "overview.load", "focus.stage", "focus.load", "refine.draw", "refine.load"):
        import_module(f"zeroov.{module}")  # once here, not in every child
    for name in ("Qwen2_5_VLForConditionalGeneration", "Qwen2_5_VLProcessor", "CLIPTextModel"):
        getattr(transformers, name)
    gc.collect()
    gc.freeze()  # what is loaded stays: no child needs to look for garbage in it
    split, recipe = registry.find("file").read(csv, "test"), recipes.load("mini")
    (out / "first").mkdir(parents=True)
    began = time.monotonic()
    run(split, recipe, out / "first", device="cpu")  # how long it takes on this machine, now
    whole = time.monotonic() - began
    random.seed(0)
    killed, amid, records = 0, False, out / "records.jsonl"
    while killed < KILLS or not amid:
        child = os.fork()
        if child == 0:
            run(split, recipe, out, device="cpu")
            os._exit(0)
        began, patience = time.monotonic(), random.uniform(0.05, 0.95) * whole
        ended = 0
        while not ended and time.monotonic() - began < patience:
            time.sleep(0.01)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):  # it had finished: take something away, so that there is work for the next
            print("finished before the kill", flush=True)
            whole = min(whole, time.monotonic() - began)  # the machine is less busy than it was
            lines = records.read_bytes().splitlines(keepends=True)
            records.write_bytes(b"".join(lines[: len(lines) // 2]) + lines[-1][: random.randrange(len(lines[-1]))])
            (out / "manifest.json").unlink()
            for dump in random.sample(sorted((out / "dumps").iterdir()), 4):
                dump.write_bytes(dump.read_bytes()[: random.randrange(2000)])
            continue
        killed += 1
        stood = records.read_bytes().count(b"\n") if records.exists() else 0
        amid |= 0 < stood < len(split.samples)
        print(killed, stood, flush=True)
    run(split, recipe, out, device="cpu")


if __name__ == "__main__":
    main()
