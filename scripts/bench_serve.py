#!/usr/bin/env python3
"""Measure `zeroov serve` on this machine: requests in a row and at once, memory, a second question, a stopped search.

Starts a server of its own on a free port (recipe mini unless told otherwise), compares every answer with the one that a
pipeline in this process gives, and prints one JSON line at the end. Linux alone: it reads the server's memory in /proc.

    python scripts/bench_serve.py --sequential 500 --concurrent 200 --clients 8
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import zeroov
from zeroov.bench.mini.measure import questions
from zeroov.client import Answer, Client, Job
from zeroov.ground import Pipeline

WARM = 50  # requests after which memory is to stay as it is
SIDE = 4  # scenes beside and below each other that make the large one
Pair = tuple[bytes, str, str]
Seen = tuple[str, tuple[float, ...] | None]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--recipe", default="mini")
    parser.add_argument("--sequential", type=int, default=500)
    parser.add_argument("--concurrent", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--scenes", type=int, default=20)
    options = parser.parse_args()
    scenes = [png(question.scene.image) for question in questions(options.scenes)]
    texts = [question.expression.text for question in questions(options.scenes)]
    pairs = [(scene, text) for scene, own in zip(scenes, texts, strict=True) for text in (own, "the ship")]
    pipeline = zeroov.load(options.recipe, device="cpu")
    direct = [seen(pipeline, scene, text) for scene, text in pairs]
    pipeline.close()
    command = [sys.executable, "-m", "zeroov", "serve", "--recipe", options.recipe, "--device", "cpu", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"(http://\S+)/ ", process.stdout.readline())
            assert found, "the server did not start"
            client = Client(found[1])
            ids = {scene: client.upload(scene).id for scene in scenes}
            asked = [(ids[scene], text) for scene, text in pairs]
            figures = in_a_row(client, asked, direct, options.sequential, process.pid)
            figures |= at_once(found[1], asked, direct, options.concurrent, options.clients)
            figures["mib_at_the_end"] = memory(process.pid)
            figures |= second_question(client, options.scenes)
            figures |= stopped(client)
        finally:
            process.send_signal(signal.SIGTERM)
    load = os.getloadavg()[0]
    print(json.dumps({"recipe": options.recipe, **figures, "load": round(load, 1), "cpus": os.cpu_count()}))


def png(rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Return a picture as PNG."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def seen(pipeline: Pipeline, scene: bytes, text: str) -> Seen:
    """Return the status and box of the answer that a pipeline gives by itself."""
    answer = pipeline.ground(np.asarray(Image.open(io.BytesIO(scene))), text)
    return answer.status, answer.box.xyxy if answer.box else None


def same(answer: Answer, direct: Seen) -> bool:
    """Whether a server's answer is the direct one."""
    return (answer.about["status"], answer.box) == direct


def memory(pid: int) -> float:
    """Return the memory that a process holds, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {"p50": round(float(np.quantile(seconds, 0.5)), 3), "p95": round(float(np.quantile(seconds, 0.95)), 3)}


def in_a_row(
    client: Client, asked: Sequence[tuple[str, str]], direct: Sequence[Seen], count: int, pid: int
) -> dict[str, Any]:
    """Ask one question after the other."""
    seconds, wrong, after_warm, most = [], 0, 0.0, 0.0
    for number, (picture, text), expected in zip(range(count), itertools.cycle(asked), itertools.cycle(direct)):
        begun = time.perf_counter()
        wrong += not same(client.ask(picture, text), expected)
        seconds.append(time.perf_counter() - begun)
        if number == min(WARM, count - 1):
            after_warm = memory(pid)
        most = max(most, memory(pid)) if number >= WARM else most
    grown = most / after_warm - 1 if after_warm and most else 0.0
    told = {"count": count, "wrong": wrong, **quantiles(seconds)}
    return {"sequential": told, "mib_after_50": round(after_warm, 1), "grown_after_50": round(grown, 4)}


def at_once(
    url: str, asked: Sequence[tuple[str, str]], direct: Sequence[Seen], count: int, clients: int
) -> dict[str, Any]:
    """Ask from several threads, each a client."""
    work = list(itertools.islice(zip(itertools.cycle(asked), itertools.cycle(direct)), count))

    def one(each: tuple[tuple[str, str], Seen]) -> tuple[float, bool]:
        (picture, text), expected = each
        begun = time.perf_counter()
        answer = Client(url).ask(picture, text)
        return time.perf_counter() - begun, same(answer, expected)

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(one, work))
    wall = time.perf_counter() - begun
    told = {"count": len(done), "wrong": sum(not good for _, good in done), **quantiles([s for s, _ in done])}
    return {"concurrent": {**told, "clients": clients, "per_second": round(count / wall, 2)}}


def second_question(client: Client, count: int) -> dict[str, Any]:
    """Ask twice about pictures that the server has not seen, each time something else."""
    first: list[float] = []
    second: list[float] = []
    for question in itertools.islice(questions(3 * count), 2 * count, 3 * count):
        picture = client.upload(png(question.scene.image))
        for text, seconds in (("the plane", first), ("the storage tank", second)):
            begun = time.perf_counter()
            client.ask(picture, text)
            seconds.append(time.perf_counter() - begun)
    slow, fast = statistics.median(first), statistics.median(second)
    return {"first_question": round(slow, 3), "second_question": round(fast, 3), "ratio": round(slow / fast, 2)}


def stopped(client: Client) -> dict[str, Any]:
    """Stop a search after its third tile."""
    scenes = [question.scene.image for question in questions(SIDE * SIDE)]
    rows = [np.concatenate(scenes[at : at + SIDE], axis=1) for at in range(0, len(scenes), SIDE)]
    job = client.start(client.upload(png(np.concatenate(rows))), ["the ship"], all=True)
    at, asked_at = 0, threading.Event()
    begun = time.perf_counter()

    def progress(now: Job) -> None:
        nonlocal at, begun
        if now.about["done"] >= 3 and now.stage == "tiles" and not asked_at.is_set():
            client.cancel(now)
            at, begun = now.about["done"], time.perf_counter()
            asked_at.set()

    (answer,) = client.wait(job, progress)
    seconds = time.perf_counter() - begun
    tiles, job = answer.about["tiles"], client.job(job)
    about = {"tiles_more": tiles["looked"] + tiles["nodata"] - at, "seconds": round(seconds, 3), "kept": job.status}
    return {"stopped": {**about, "of": sum(tiles.values()), "found": len(answer.about["found"])}}


if __name__ == "__main__":
    main()
