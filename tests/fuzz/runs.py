"""Records, manifests, journals, shards and truth files: what is no record is refused, with its place."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.damage import damaged_bytes, damaged_lines, damaged_value
from zeroov.bench.runs.merging import merge
from zeroov.bench.runs.records import READINGS, Record, Run, read_manifest, read_run
from zeroov.bench.scoring.about import about
from zeroov.bench.scoring.protocols import PROTOCOLS
from zeroov.bench.scoring.publish import published as as_published
from zeroov.bench.scoring.publish import read_published
from zeroov.bench.scoring.score import score
from zeroov.bench.scoring.verify import check
from zeroov.bench.sweeps.truths import read_truths
from zeroov.files.journal import Journal, read_items
from zeroov.outputs.rle import encode_rle

HW = (20, 30)


def records(random: Random, folder: Path) -> None:
    """Read records with faults in them, and score them."""
    written(random, folder / "records.jsonl", _lines(random))
    written(random, folder / "manifest.json", json.dumps({"samples": 4}))
    run = read_run(random.choice((folder, folder / "records.jsonl")), partial=random.random() < 0.5)
    if random.random() < 0.2:
        made = score(run, random.choice(PROTOCOLS), ("category",), random.choice(READINGS))
        json.dumps(made.to_json(), allow_nan=False)
        str(made)


def journals(random: Random, folder: Path) -> None:
    """Go on with a journal that has faults, join shards that have, or read records with faults as truths."""
    kind = random.randrange(3)
    if kind == 0:
        written(random, folder / "records.jsonl", _lines(random))
        written(random, folder / "records.made-with.json", '{"a": 1}')
        with Journal(folder / "records.jsonl", {"a": 1}) as journal:
            journal.add({"id": "new", "content": ""})
            done = set(journal.done)
        assert {str(item["id"]) for item in read_items(folder / "records.jsonl")} == done, "other items than it says"
    elif kind == 1:
        lines = _lines(random).splitlines(keepends=True)
        for number in (1, 2):
            name = f"-000{number}-of-0002"
            written(random, folder / f"records{name}.jsonl", "".join(lines[number - 1 :: 2]))
            about = {"samples": 4, "shard": f"{number}/2", "evolve.k": 7}
            written(random, folder / f"records{name}.made-with.json", json.dumps(about))
            manifest: Any = {"peak_bytes": {"overview": 5}, "dumps": ["/dumps"], "samples": 2}
            manifest = damaged_value(random, manifest) if random.random() < 0.2 else manifest
            written(random, folder / f"manifest{name}.json", json.dumps(manifest))
        assert merge([folder], folder) == len(read_run(folder).records)
    else:
        path = folder / "truth.jsonl"
        own: Any = {
            "image": "a.png",
            "expression": "the ship",
            "box": [1, 2, 3, 4],
            "mask": four_records().records[0].truth_mask,
        }
        written(random, path, _lines(random) + json.dumps(damaged_value(random, own)))
        for truth in read_truths(path):
            json.dumps(truth.to_json(), allow_nan=False)


def published(random: Random, folder: Path) -> None:
    """Publish a run whose manifest has faults, or check one against published figures that have faults."""
    made_with = {"benchmark": "file", "split": "test", "evolve.alpha": 0.3, "models": {"overview": {"model": "/m"}}}
    manifest = {"recipe": "mini", "made_with": made_with, "device": "CPU", "changes": {"evolve.alpha": 0.3}}
    odd = random.random() < 0.3
    (folder / "manifest.json").write_text(json.dumps(damaged_value(random, manifest) if odd else manifest))
    run = replace(four_records(), manifest=read_manifest(folder / "manifest.json"))
    document = as_published(run, [PROTOCOLS[0]]) if odd else _published()
    json.dumps(document, allow_nan=False)
    about(run.manifest)
    written(random, folder / "run.json", json.dumps(document if odd else damaged_value(random, document)))
    found = check(run, read_published(folder / "run.json"))
    json.dumps(found.to_json(), allow_nan=False)
    str(found)


@functools.cache
def _published() -> dict[str, Any]:
    made_with = {"benchmark": "file", "split": "test"}
    return as_published(replace(four_records(), manifest={"made_with": made_with}), [PROTOCOLS[0]], ("category",))


def written(random: Random, path: Path, text: str) -> None:
    """Write a file, seldom with faults in its bytes or lines."""
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.15:
        data = random.choice((damaged_bytes, damaged_lines))(random, data)
    path.write_bytes(data)


def _lines(random: Random) -> str:
    values = [record.to_json() for record in four_records().records]
    return "".join(json.dumps(damaged_value(random, v) if random.random() < 0.1 else v) + "\n" for v in values)


@functools.cache
def four_records() -> Run:
    """Return four records: found, empty, failed, and one without a true mask."""
    mask = np.zeros(HW, np.bool_)
    mask[3:9, 4:20] = True
    truth: dict[str, Any] = {"truth_box": (4.0, 3.0, 20.0, 9.0), "truth_mask": encode_rle(mask)}
    found: dict[str, Any] = {"box": (4.0, 3.0, 18.0, 9.0), "mask": encode_rle(mask), "score": 0.5, "answer": "[1, 2]"}
    given: list[dict[str, Any]] = [
        {"status": "found", **truth, **found, "category": "ship", "seconds": {"overview": 1.0}},
        {"status": "empty", **truth, "category": "plane"},
        {"status": "failed", **truth, "error": "no picture"},
        {"status": "found", "truth_box": (0.0, 0.0, 5.0, 5.0), **found, "point": (3.0, 4.0)},
    ]
    made = [Record(id=str(n), image=f"{n}.png", expression="the ship", hw=HW, **each) for n, each in enumerate(given)]
    return Run("run", tuple(made))
