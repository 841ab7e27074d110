"""Time a model of masks of full size with random weights: `python -m scripts.bench_refine sam2-large --device cpu`.

No download is needed: a checkpoint of the published configuration is written to a folder, loaded as `refine.model` is,
and asked. Seconds and memory are those of the real one; its masks mean nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import hardware
from zeroov.recipe import RefineRecipe
from zeroov.types import Box, Picture

HIERA: dict[str, dict[str, Any]] = {
    "tiny": {},  # transformers' own default
    "large": {
        "hidden_size": 144,
        "num_attention_heads": 2,
        "blocks_per_stage": [2, 6, 36, 4],
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "window_size_per_stage": [8, 4, 16, 8],
        "global_attention_blocks": [23, 33, 43],
    },
}
VIT: dict[str, dict[str, Any]] = {
    "base": {},
    "huge": {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
    },
}
SIZES = ("sam2-tiny", "sam2-large", "sam_hq-base", "sam_hq-huge", "sam3_tracker-full")


def write(size: str, folder: Path) -> None:
    """Write a folder of a published configuration with random weights."""
    import torch
    import transformers

    from zeroov.tiny.segmenters import squashing

    family, _, name = size.partition("-")
    torch.manual_seed(0)
    if family == "sam2":
        encoder = {"backbone_config": {"model_type": "sam2_hiera_det_model", **HIERA[name]}}
        if widths := HIERA[name].get("embed_dim_per_stage"):
            encoder["backbone_channel_list"] = widths[::-1]
        model: Any = transformers.Sam2VideoModel(transformers.Sam2VideoConfig(vision_config=encoder))
        processor = squashing(1024)
    elif family == "sam_hq":
        decoder = {"vit_dim": VIT[name].get("hidden_size", 768)}
        config = transformers.SamHQConfig(vision_config=VIT[name], mask_decoder_config=decoder)
        model, processor = transformers.SamHQModel(config), transformers.SamImageProcessor()
    else:
        model, processor = transformers.Sam3TrackerModel(transformers.Sam3TrackerConfig()), squashing(1008)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def measure(size: str, folder: Path, device: str, dtype: str, boxes: int) -> dict[str, Any]:
    """Return seconds and peak memory of loading, encoding one picture, and drawing boxes in it."""
    from zeroov.refine.draw import refine
    from zeroov.refine.load import load_segmenter

    on, recipe = hardware.pick_device(device), RefineRecipe(model=str(folder), dtype=dtype)
    picture = Picture(np.random.default_rng(0).integers(0, 256, (800, 1333, 3), dtype=np.uint8))
    start = time.perf_counter()
    segmenter = load_segmenter(folder, recipe, on, name=size)
    loaded = time.perf_counter() - start
    busy = [time.process_time()]
    with hardware.metered(on) as encoding:
        encoded = segmenter.encode(picture)
    busy.append(time.process_time())
    with hardware.metered(on) as drawing:
        for index in range(boxes):
            refine(segmenter, encoded, Box(10 + index, 20, 400 + 7 * index, 500), recipe, None, picture.valid)
    busy.append(time.process_time())
    return {
        "model": size,
        "numbers": sum(p.numel() for p in segmenter.model.parameters()),
        "device": str(on),
        "dtype": dtype,
        "load_seconds": round(loaded, 2),
        "encode_seconds": round(encoding.seconds, 2),
        "seconds_a_box": round(drawing.seconds / boxes, 3),
        "encode_cpu_seconds": round(busy[1] - busy[0], 2),  # what a machine that does other work beside leaves out
        "cpu_seconds_a_box": round((busy[2] - busy[1]) / boxes, 3),
        "peak_bytes": max(encoding.peak_bytes or 0, drawing.peak_bytes or 0),
    }


def main() -> None:
    """Read the command line, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--boxes", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="of a checkpoint that an earlier call wrote, or where to write it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = args.folder or Path(own)
        if not (folder / "config.json").is_file():
            write(args.size, folder)
        print(json.dumps(measure(args.size, folder, args.device, args.dtype, args.boxes)))


if __name__ == "__main__":
    main()
