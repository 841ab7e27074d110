"""The page's arithmetic beside the pipeline's: the same maps, sliders and candidates give the same masks and totals.

The page's modules run in node, where that is there; the tests of the browser run them in the browser.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeroov import frames
from zeroov.candidates.choose import choose
from zeroov.evolve.grow import binarise, grow, seeds
from zeroov.language.phrase import parse
from zeroov.look import blob_near
from zeroov.outputs.rle import encode_rle
from zeroov.recipe.selecting import SelectRecipe
from zeroov.types import Box, Candidate

NODE = shutil.which("node")
PAGE = resources.files("zeroov.serve").joinpath("page")
NEAR = 1e-6  # of alpha: there a mask may differ, for float32 sums are rounded in another order
GRIDS = [(32, 32), (24, 40), (16, 9), (1, 1), (3, 64)]
SIZES = [(224, 224), (300, 517), (97, 33), (64, 3), (800, 600)]

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")

PROGRAM = """
import { binarise, blobNear, grow, makeMap, maskBox, seeds } from "./evolve.js";
import { cropMask } from "./outline.js";
import { reason, weigh } from "./weigh.js";
import { readFileSync } from "node:fs";
const said = JSON.parse(readFileSync(0, "utf8"));
const map = ({ shape, values }) => makeMap(...shape, Float32Array.from(values));
const packed = (yes) => Buffer.from(yes.at).toString("base64");
const evolved = said.maps.map(({ cross, fused, hw, k, tau, alpha, canvas, near }) => {
  const region = grow(map(fused), map(cross), k, tau);
  const mask = binarise(map(fused), region, hw, alpha, canvas);
  return { seeds: packed(seeds(map(cross), k)), region: packed(region), mask: packed(mask), box: maskBox(mask),
    blob: packed(blobNear(mask, near)) };
});
const weighed = said.choices.map(({ candidates, weights }) => {
  return { ...weigh(candidates, weights), reason: reason(candidates, weights) };
});
const cropped = said.masks.map(({ rle, box }) => {
  const { map: part, left, top } = cropMask(rle, box);
  return { left, top, rows: part.rows, cols: part.cols, at: packed(part) };
});
process.stdout.write(JSON.stringify({ evolved, weighed, cropped }));
"""


def run(folder: Path, said: dict[str, Any]) -> dict[str, Any]:
    """Run the page's modules on what is asked."""
    for name in ("evolve.js", "outline.js", "weigh.js"):
        (folder / name).write_bytes(PAGE.joinpath(name).read_bytes())
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(PROGRAM)
    assert NODE
    done = subprocess.run([NODE, "run.js"], cwd=folder, input=json.dumps(said), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def yes(packed: str, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), dtype=np.uint8).reshape(shape).astype(bool)


def as_map(values: np.ndarray) -> dict[str, Any]:
    return {"shape": list(values.shape), "values": [float(value) for value in values.ravel()]}


def random_maps() -> list[dict[str, Any]]:
    """Return maps with ties, with plateaus, and smooth ones, on several grids, for images of several sizes."""
    rng = np.random.default_rng(18)
    asked = []
    for number in range(40):
        grid, hw = GRIDS[number % len(GRIDS)], SIZES[(number // 2) % len(SIZES)]
        cross = frames.min_max(frames.resize_map(rng.random((max(1, grid[0] // 4), max(1, grid[1] // 4))), grid))
        fused = frames.min_max(cross + 0.3 * rng.random(grid, dtype=np.float32))
        if number % 3 == 0:
            cross, fused = np.round(cross, 1).astype(np.float32), np.round(fused, 1).astype(np.float32)
        asked.append(
            {
                "cross": cross,
                "fused": fused,
                "hw": hw,
                "k": int(rng.integers(1, 12)),
                "tau": round(float(rng.random()), 2),
                "alpha": round(float(rng.random()), 2),
                "canvas": 50 if number % 7 == 6 else 0,
                "near": [hw[1] * 0.2, hw[0] * 0.2, hw[1] * 0.5, hw[0] * 0.6],
            }
        )
    return asked


def test_evolve_in_the_page_is_the_pipelines(tmp_path: Path) -> None:
    asked = random_maps()
    said = [{**each, "cross": as_map(each["cross"]), "fused": as_map(each["fused"])} for each in asked]
    answers = run(tmp_path, {"maps": said, "choices": [], "masks": []})["evolved"]
    uneven = 0
    for each, answer in zip(asked, answers, strict=True):
        grid, hw = each["cross"].shape, each["hw"]
        assert np.array_equal(yes(answer["seeds"], grid), seeds(each["cross"], each["k"]))
        region = grow(each["fused"], each["cross"], each["k"], each["tau"])
        assert np.array_equal(yes(answer["region"], grid), region)
        mask = yes(answer["mask"], hw)
        expected = binarise(each["fused"], region, hw, each["alpha"], each["canvas"])
        differs = mask != expected
        if each["canvas"]:
            assert not differs.any()
        else:
            value = frames.resize_map(np.where(region, each["fused"], 0), hw)
            assert (np.abs(value[differs] - each["alpha"]) < NEAR).all()
        uneven += int(differs.sum())
        box = frames.mask_to_box(mask)
        assert answer["box"] == (list(box.xyxy) if box else None)
        assert np.array_equal(yes(answer["blob"], hw), blob_near(mask, Box(*each["near"])))
    assert uneven < 100, f"{uneven} pixels lie within {NEAR} of alpha"


def test_the_choice_in_the_page_is_the_pipelines(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    weights = SelectRecipe(score=0.25, attention=0.125, attributes=0.5)
    choices, asked = [], []
    for number in range(20):
        count = 1 + number % 6
        corners = rng.random((count, 2)) * 300
        scores = np.where(rng.random(count) < 0.2, 0, rng.random(count))
        candidates = [
            Candidate(Box(x, y, x + 40, y + 30), float(score), ("vlm",))
            for (x, y), score in zip(corners, scores, strict=True)
        ]
        extra = {name: rng.random(count) for name in ("attention", "answer", "attributes")}
        choice = choose(candidates, parse("the large plane on the left"), (400, 400), extra=extra, weights=weights)
        choices.append(choice)
        asked.append(
            {
                "candidates": [
                    {
                        "letter": chr(65 + at),
                        "score": each.score,
                        "sources": list(each.sources),
                        "factors": {name: values[at] for name, values in choice.factors.items()},
                    }
                    for at, each in enumerate(candidates)
                ],
                "weights": {name: getattr(weights, name) for name in weights.__dataclass_fields__ if name != "margin"},
            }
        )
    answers = run(tmp_path, {"maps": [], "choices": asked, "masks": []})["weighed"]
    for choice, answer in zip(choices, answers, strict=True):
        np.testing.assert_allclose(answer["value"], choice.values, rtol=1e-9)
        assert answer["order"] == list(choice.order)
        if len(choice.values) > 1 and choice.values[choice.order[1]] > 0:
            assert answer["reason"]["lead"].startswith(chr(65 + choice.order[0]))
        if len(choice.values) == 1:
            assert answer["reason"]["lead"] == "The only candidate."


def test_the_page_reads_run_lengths(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    masks = [frames.resize_map(rng.random((5, 6)), (60, 83)) > 0.6, np.zeros((7, 5), bool), np.ones((4, 9), bool)]
    masks[1][2, 3] = True
    boxes = [frames.mask_to_box(mask) for mask in masks]
    said = [{"rle": encode_rle(mask), "box": box.xyxy} for mask, box in zip(masks, boxes, strict=True) if box]
    for mask, part in zip(masks, run(tmp_path, {"maps": [], "choices": [], "masks": said})["cropped"], strict=True):
        laid = np.zeros_like(mask)
        rows, cols = slice(part["top"], part["top"] + part["rows"]), slice(part["left"], part["left"] + part["cols"])
        laid[rows, cols] = yes(part["at"], (part["rows"], part["cols"]))
        assert np.array_equal(laid, mask)
