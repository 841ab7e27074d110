"""Begin each training in a process of its own and kill it amid its course: `python -m tests.training.killed FOLDER`."""

from __future__ import annotations

import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from tests.training.test_resume import NAMES, command, taken


def main() -> None:
    """Leave what a killed training leaves, in a folder `killed` for each; torch is imported once for all."""
    mains = {name: import_module(f"scripts.training.train_{name}").main for name in NAMES}
    for name, train in mains.items():
        folder = Path(sys.argv[1]) / name
        child = os.fork()
        if child == 0:
            train([*command(name, folder), "0", "--state", str(folder / "killed")])
            os._exit(0)
        until = time.monotonic() + 120
        while not any(line["step"] >= 2 for line in taken(folder / "killed")):
            ended, _ = os.waitpid(child, os.WNOHANG)
            if ended or time.monotonic() > until:
                sys.exit(f"{name} ended before it was killed, or took too long")
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
