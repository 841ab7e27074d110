"""One model of full size with random weights, asked once: `python -m scripts.bench_full Qwen/Qwen3-VL-4B-Instruct`.

A language model reads a picture and answers 20 tokens while all its rows are kept; of a diffusion model the UNet's
self-attention is read at the size it was published for. Prints one JSON line: seconds, processor time, peak memory.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import torch

from scripts.full_size import LANGUAGE, UNETS, language_model, unet
from zeroov import hardware
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture

ANSWER = b"[200, 200, 500, 500]"


def look(name: str, device: torch.device, dtype: torch.dtype, side: int) -> dict[str, Any]:
    """Ask a language model about a picture."""
    from zeroov.overview.prefix import read_picture
    from zeroov.overview.stage import captured_layers
    from zeroov.overview.stage import look as ask

    start = time.perf_counter()
    models = language_model(name, device, dtype, ANSWER)
    loaded = time.perf_counter() - start
    recipe = OverviewRecipe(layers="57%-68%", weights=(1.0,), relative=False)
    picture = Picture(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))
    with hardware.metered(device) as reading:
        prefix = read_picture(models, picture, recipe)
    with hardware.metered(device) as answering:
        [found] = ask(models, [picture], [prefix], ["the white plane on the left"], recipe)
    assert found.answer_box
    return {
        "numbers": sum(p.numel() for p in models.model.parameters()),
        "layers": list(captured_layers(models, recipe)),
        "image_tokens": prefix.grid_hw[0] * prefix.grid_hw[1],
        "steps": found.steps,
        "build_seconds": round(loaded, 1),
        "read_seconds": round(reading.seconds, 1),
        "answer_seconds": round(answering.seconds, 1),
        "peak_bytes": max(reading.peak_bytes or 0, answering.peak_bytes or 0),
    }


def affinity(name: str, device: torch.device, dtype: torch.dtype, side: int) -> dict[str, Any]:
    """Read the self-attention of a UNet in one pass over random latents; `side` is the picture's."""
    from zeroov.focus.capture import AttentionMaps, capture_self_attention

    model = unet(name, device, dtype)
    config: Any = model.config
    grids = (side // 16, side // 32) if config.addition_embed_type else (side // 8, side // 16)
    maps = AttentionMaps(grids, side // 32)
    more: dict[str, Any] = {}
    if config.addition_embed_type:
        pooled = torch.zeros(1, 1280, device=device, dtype=dtype)
        more["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": torch.zeros(1, 6, device=device, dtype=dtype)}
    latents = torch.randn(1, 4, side // 8, side // 8).to(device, dtype)
    text = torch.zeros(1, 77, config.cross_attention_dim, device=device, dtype=dtype)
    read = capture_self_attention(model, maps, side // 8, stop_after_last=True)
    with hardware.metered(device) as meter, torch.inference_mode(), read:
        model(latents, 100, text, **more)
    assert torch.isfinite(maps.mean()).all()
    return {
        "numbers": sum(p.numel() for p in model.parameters()),
        "side": side,
        "layers_by_grid": maps.counts,
        "seconds": round(meter.seconds, 1),
        "peak_bytes": meter.peak_bytes,
    }


def main() -> None:
    """Read the command line, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=(*LANGUAGE, *UNETS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--side", type=int, help="of the picture; 448, or what a diffusion model was published for")
    args = parser.parse_args()
    device, dtype = hardware.pick_device(args.device), getattr(torch, args.dtype)
    busy = time.process_time()
    if args.model in LANGUAGE:
        measured = look(args.model, device, dtype, args.side or 448)
    else:
        measured = affinity(args.model, device, dtype, args.side or 8 * UNETS[args.model]["sample_size"])
    about = {"model": args.model, "device": str(device), "dtype": args.dtype, "torch": torch.__version__}
    print(json.dumps({**about, **measured, "cpu_seconds": round(time.process_time() - busy, 1)}))


if __name__ == "__main__":
    main()
