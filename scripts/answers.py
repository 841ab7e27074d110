"""Two hundred answers of the miniature models, to hold two versions of the code against each other.

`OMP_NUM_THREADS=1 python scripts/answers.py after.json --against before.json`: single looks, closer looks, searched
scenes, and every object of a kind, all through `zeroov batch`, whose COCO file outlives what lies behind it. It prints
the answers that differ, and ends with one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zeroov.mini.scenes import SceneStyle, make_scene, seed_for

FIRST = 20_000  # scene of the test split; those before serve other measurements
ASKED = ("the ship", "the largest building", "the plane on the left", "the car next to the building", "the white tank")
PARTS: dict[str, tuple[int, int, int, list[str]]] = {  # side in pixels, scenes, expressions, options
    "look": (224, 20, 5, []),
    "closer": (448, 10, 4, ["--set", "zoom.rounds=1", "--set", "search.tile=512"]),
    "search": (672, 6, 5, []),
    "every": (672, 6, 5, ["--all"]),
}


def answers(part: str) -> dict[str, list[Any]]:
    """Return what is found for every image and expression of a part: box, score, area and a digest of the mask."""
    side, scenes, expressions, options = PARTS[part]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "images").mkdir()
        style = SceneStyle(height_width=(side, side), scale=1.0 if side <= 224 else 0.8)
        for index in range(scenes):
            image = make_scene(seed_for("test", FIRST + index), style).image
            if index % 4 == 3:  # not square, too
                image = np.ascontiguousarray(image[: side * 3 // 4])
            Image.fromarray(image).save(folder / "images" / f"{index:02}.png")
        (folder / "asked.txt").write_text("\n".join(ASKED[:expressions]) + "\n")
        command = [sys.executable, "-m", "zeroov", "batch", f"{folder}/images", "--expressions", f"{folder}/asked.txt"]
        command += ["--out", f"{folder}/out", "--format", "coco", "--recipe", "mini", "--device", "cpu", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        coco = json.loads((folder / "out" / "coco.json").read_text())
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    found: dict[str, list[Any]] = {
        f"{part} {name} {text}": [] for name in images.values() for text in ASKED[:expressions]
    }
    classes = {category["id"]: category["name"] for category in coco["categories"]}
    for each in coco["annotations"]:
        mask = hashlib.sha256(json.dumps(each["segmentation"]).encode()).hexdigest()[:12]
        answer = [[round(side, 3) for side in each["bbox"]], round(each["score"], 6), each["area"], mask]
        found[f"{part} {images[each['image_id']]} {classes[each['category_id']]}"].append(answer)
    return {key: sorted(value, key=repr) for key, value in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the answers, and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--part", choices=list(PARTS), action="append")
    args = parser.parse_args(arguments)
    found: dict[str, list[Any]] = {}
    for part in args.part or PARTS:
        found |= answers(part)
    args.out.write_text(json.dumps(found, indent=0) + "\n")
    report = {"questions": len(found), "found": sum(bool(each) for each in found.values())}
    if args.against:
        before = json.loads(args.against.read_text())
        differing = [key for key in found if key in before and found[key] != before[key]]
        for key in differing:
            print(f"{key}\n  before {before[key]}\n  after  {found[key]}")
        report |= {"compared": len(found.keys() & before.keys()), "differing": len(differing)}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
