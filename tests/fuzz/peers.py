"""Answers of other systems, in every container: what cannot be understood is refused with its place in the file."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.damage import damaged_bytes, damaged_value
from tests.fuzz.masks import drawn
from tests.fuzz.runs import HW, four_records, written
from zeroov.bench.scoring.peer_files import ORDERS, SCALES, Format
from zeroov.bench.scoring.peers import read_peer
from zeroov.outputs.images import write_mask_png
from zeroov.outputs.rle import encode_rle


def answers(random: Random, folder: Path) -> None:
    """Read another system's answers with faults in them, in every container."""
    run = four_records()
    values = [_answer(random, record.id) for record in run.records]
    kind = random.choice(("json", "jsonl", "csv", "png"))
    path = folder / f"peer.{kind}"
    if kind == "png":
        path.mkdir()
        write_mask_png(path / "0.png", drawn(random, HW))
        write_mask_png(path / "1.png", drawn(random, (9, 9)))
        (path / "0.png").write_bytes(damaged_bytes(random, (path / "0.png").read_bytes()))
    elif kind == "json":
        value: Any = values if random.random() < 0.5 else {each["id"]: _without_id(each) for each in values}
        if random.random() < 0.3:
            value = {"predictions": value, "boxes": random.choice(ORDERS), "scale": random.choice(list(SCALES))}
        written(random, path, json.dumps(damaged_value(random, value) if random.random() < 0.6 else value))
    elif kind == "jsonl":
        written(
            random,
            path,
            "\n".join(json.dumps(damaged_value(random, each) if random.random() < 0.3 else each) for each in values),
        )
    else:
        rows = [f"{each['id']},{','.join(str(number) for number in _numbers(random))}" for each in values]
        written(random, path, "\n".join([f"id,{random.choice(('x0,y0,x1,y1', 'x,y,w,h', 'cx,cy,w,h'))}", *rows]))
    form = Format(random.choice((None, *ORDERS)), random.choice((None, *SCALES)))
    peer = read_peer(path, run, form)
    assert [record.id for record in peer.run.records] == [record.id for record in run.records]
    json.dumps([record.to_json() for record in peer.run.records], allow_nan=False)


def _answer(random: Random, sample: str) -> dict[str, Any]:
    names = random.choice((("box",), ("bbox",), ("box_xywh",), ("x0", "y0", "x1", "y1"), ("answer",), ("mask",)))
    numbers = _numbers(random)
    if names == ("mask",):
        return {"id": sample, "mask": encode_rle(drawn(random, random.choice((HW, (7, 7)))))}
    if len(names) > 1:
        return {"id": sample, **dict(zip(names, numbers, strict=True))}
    return {"id": sample, names[0]: str(numbers) if names == ("answer",) else numbers, "score": random.random()}


def _numbers(random: Random) -> list[float]:
    x0, y0 = random.randrange(20), random.randrange(15)
    return [x0, y0, x0 + random.randrange(10), y0 + random.randrange(5)]


def _without_id(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != "id"}
