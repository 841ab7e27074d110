"""Write a sheet of scenes as one PNG: `python -m scripts.training.contact_sheet sheet.png --split val`."""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from zeroov.mini.scenes import make_scene, seed_for


def main() -> None:
    """Draw rows x columns scenes with their boxes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--boxes", action="store_true")
    args = parser.parse_args()
    tiles = []
    for index in range(args.first, args.first + args.rows * args.columns):
        scene = make_scene(seed_for(args.split, index))
        picture = scene.image.copy()
        for thing in scene.objects if args.boxes else ():
            x0, y0, x1, y1 = thing.box_xyxy
            cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), (0, 255, 0), 1)
        tiles.append(picture)
    rows = [np.hstack(tiles[r * args.columns : (r + 1) * args.columns]) for r in range(args.rows)]
    cv2.imwrite(args.path, np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
