"""Try many inputs on zeroov: `python -m scripts.fuzz --inputs 1000000 --seed 1`; docs/trust.md says what was found.

The inputs are shared out over the targets of `tests/fuzz/targets.py`. A case is known by target, seed and number:
`python -m scripts.fuzz --only pickles --seed 1 --case 17` runs that one alone, with its traceback.

Each target runs in a process of its own. What ends it (a crash, 10 s of processor time in one case) is a finding, and
another process goes on with the next case. Ends with one JSON line; exit code 1 where anything was found. For Linux.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import logging
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.cases import Target, attempt

ROOT = Path(__file__).parents[1]
STALLED = 120.0  # seconds of a clock after which a case waits for something that will not come
CASE_BYTES = 2 * 2**30  # that one case may add to the memory in use at most
SPACE_BYTES = 6 * 2**30  # of addresses beyond those at the start
STATE = struct.Struct("<qq")  # the case in hand, and how many were refused
OWN = re.compile(r'File "\S*/((?:zeroov|tests/fuzz)/\S+?)", line \d+ in (\S+)')  # of a crash's traceback
Finding = dict[str, Any]


def main() -> None:
    options = _options()
    targets: dict[str, Target] = importlib.import_module(options.targets).TARGETS
    if unknown := set(options.only or ()) - set(targets):
        sys.exit(f"no target {', '.join(unknown)}; known: {', '.join(targets)}")
    chosen = {name: targets[name] for name in options.only or targets}
    if options.worker:
        [(name, target)] = chosen.items()
        _work(name, target, options)
    elif options.case is not None:
        [(name, target)] = chosen.items()
        _be_strict()
        with tempfile.TemporaryDirectory(prefix="zeroov-") as scratch:
            refused = attempt(target.case, _chance(name, options.seed, options.case), _inside(scratch))
        print("refused" if refused else "nothing found")
    else:
        sys.exit(1 if _report(chosen, options) else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="how many, over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", metavar="TARGET", help="a target by its name; may be given again")
    parser.add_argument("--case", type=int, help="run this case of the one target alone")
    parser.add_argument("--seconds", type=float, default=10.0, help="of processor time that a case may take")
    parser.add_argument("--targets", default="tests.fuzz.targets", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _report(targets: dict[str, Target], options: argparse.Namespace) -> int:
    """Run targets one after the other and print what they found; return how many findings there are."""
    whole = sum(target.share for target in targets.values())
    start, found = time.monotonic(), dict[str, dict[str, Any]]()
    for name, target in targets.items():
        found[name] = each = _run(name, options, max(1, round(options.inputs * target.share / whole)))
        counts = "{inputs:>8,} inputs, {refused:>8,} refused, {seconds:>7.1f} s, {findings} findings".format(**each)
        print(f"{name:<15} {counts}", flush=True)
        for kind in each["kinds"]:
            print("    {count} x {kind}; first case {case}: {text}".format(**kind), flush=True)
    sums = {key: sum(each[key] for each in found.values()) for key in ("inputs", "refused", "findings")}
    print(json.dumps({"fuzz": sums, "seed": options.seed, "seconds": round(time.monotonic() - start, 1), "by": found}))
    return int(sums["findings"])


def _run(name: str, options: argparse.Namespace, inputs: int) -> dict[str, Any]:
    """Run the cases of a target in a process, and in another one after each case that ended it."""
    start, first, refused, kinds = time.monotonic(), 0, 0, dict[str, Finding]()
    command = [sys.executable, "-m", "scripts.fuzz", "--only", name, "--inputs", str(inputs)]
    for option in ("seed", "seconds", "targets"):
        command += [f"--{option}", str(getattr(options, option))]
    while first < inputs:
        with tempfile.NamedTemporaryFile() as state, tempfile.TemporaryFile() as errors:
            state.write(STATE.pack(first, 0))
            state.flush()
            of_worker = ["--worker", state.name, "--first", str(first)]
            with subprocess.Popen([*command, *of_worker], stdout=subprocess.PIPE, stderr=errors, text=True) as process:
                assert process.stdout
                events: list[Finding] = [json.loads(line) for line in process.stdout]
            case, of_these = STATE.unpack(Path(state.name).read_bytes())
            if process.returncode:
                errors.seek(0)
                trace = errors.read().decode(errors="replace")
                events.append(
                    {"kind": _end(process.returncode, options.seconds, trace), "case": case, "text": trace[:300]}
                )
        for event in events:
            kinds.setdefault(event["kind"], {"count": 0, **event})["count"] += 1
        first, refused = case + 1, refused + of_these
    counts = {"inputs": inputs, "refused": refused, "seconds": round(time.monotonic() - start, 1)}
    return {**counts, "findings": sum(kind["count"] for kind in kinds.values()), "kinds": list(kinds.values())}


def _end(code: int, seconds: float, trace: str) -> str:
    """Return how a process ended that a case ended, and in which function."""
    limits = {-signal.SIGPROF: f"more than {seconds:g} s", -signal.SIGALRM: f"stalled for {STALLED:g} s"}
    end = limits.get(code) or (signal.Signals(-code).name if code < 0 else f"exit code {code}")
    place = OWN.search(trace)
    return f"{end} in {place[1]}:{place[2]}" if place else end


def _work(name: str, target: Target, options: argparse.Namespace) -> None:
    """Run cases of a target, and print a line of JSON for each finding."""
    _be_strict()
    for number in (signal.SIGPROF, signal.SIGALRM):
        faulthandler.register(number, chain=True)  # says where, then the signal ends the process
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE_BYTES,) * 2)
    refused, memory = 0, 0
    with options.worker.open("r+b", buffering=0) as state, tempfile.TemporaryDirectory(prefix="zeroov-") as scratch:
        folder = _inside(scratch)
        for case in range(options.first, options.inputs):
            os.pwrite(state.fileno(), STATE.pack(case, refused), 0)
            signal.setitimer(signal.ITIMER_PROF, options.seconds)
            signal.setitimer(signal.ITIMER_REAL, STALLED)
            try:
                refused += attempt(target.case, _chance(name, options.seed, case), folder)
            except Exception as error:  # noqa: BLE001 - whatever comes is what is looked for
                _print_finding(error, case)
            before, memory = memory, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            if before and memory - before > CASE_BYTES:
                _print_finding(MemoryError(f"{memory - before:,} bytes in one case"), case)
        os.pwrite(state.fileno(), STATE.pack(options.inputs, refused), 0)
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)


def _chance(name: str, seed: int, case: int) -> Random:
    return Random(f"{name}/{seed}/{case}")


def _inside(scratch: str) -> Path:
    """Make the folder of cases; beside it targets keep what they need again."""
    folder = Path(scratch) / "case"
    folder.mkdir()
    return folder


def _be_strict() -> None:
    """Make warnings errors, as in the tests, and leave out what zeroov logs."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # of pycocotools
    logging.disable(logging.CRITICAL)
    faulthandler.enable()


def _print_finding(error: Exception, case: int) -> None:
    """Print a finding; its kind is the exception and the innermost function of zeroov, or of the fuzzer, in it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith((f"{ROOT}/zeroov/", f"{ROOT}/tests/fuzz/"))]
    inner = [frame for frame in own if "/tests/fuzz/" not in frame.filename]
    if isinstance(error, AssertionError) or not inner:  # what the fuzzer itself requires
        inner = own
    place = f" in {Path(inner[-1].filename).relative_to(ROOT)}:{inner[-1].name}" if inner else ""
    text = ascii(f"line {inner[-1].lineno if inner else 0}: {error}")[1:300]
    print(json.dumps({"kind": f"{type(error).__name__}{place}", "case": case, "text": text}), flush=True)


if __name__ == "__main__":
    main()
