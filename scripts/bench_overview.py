"""Overview's row capture against plain SDPA and against eager attention with full maps, in one run.

    python scripts/bench_overview.py                          # CPU, a mid-sized random Qwen2.5-VL
    python scripts/bench_overview.py --device cuda --full     # a full-size random 7B in bfloat16

Times are taken in turn in one process (plain, ours, plain, ours ...); memory in a fresh process each, as the peak
above what is held once the model is loaded. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from zeroov import hardware
from zeroov.overview.capture import RowRecorder, capture_rows
from zeroov.tiny.build import vlm_config

MODES = ("plain", "ours", "eager")


def build(full: bool, layers: int, device: torch.device) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    if full:
        config: Any = Qwen2_5_VLConfig()  # the library's defaults are the 7B's language part
        config.text_config.vocab_size = 152064
        config.vision_config.out_hidden_size = config.text_config.hidden_size
    else:
        config = vlm_config(
            vocabulary=4096,
            hidden_size=512,
            num_hidden_layers=layers,
            num_attention_heads=8,
            num_key_value_heads=2,
            intermediate_size=1536,
            rope_scaling={"type": "mrope", "rope_type": "default", "mrope_section": [8, 12, 12]},
        )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if full else torch.float32)
    with device:
        model: Any = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    return model.eval().requires_grad_(False)


def inputs(model: Any, side: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a prompt of one square picture of `side` pixels and 60 words."""
    grid = side // 14
    config = model.config
    image = torch.full((grid * grid // 4,), config.image_token_id)
    words = torch.randint(0, 250, (60,), generator=torch.Generator().manual_seed(0))
    ids = torch.cat([words[:20], torch.tensor([config.vision_start_token_id]), image, words[20:]])[None]
    patches = torch.randn(grid * grid, 3 * 2 * 14 * 14, generator=torch.Generator().manual_seed(0))
    dtype = next(model.parameters()).dtype
    kinds = (ids == config.image_token_id).long()
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": kinds}
    batch |= {"pixel_values": patches.to(dtype), "image_grid_thw": torch.tensor([[1, grid, grid]])}
    return {name: value.to(device) for name, value in batch.items()}


def generate(model: Any, batch: dict[str, torch.Tensor], mode: str, layers: list[int], tokens: int) -> torch.Tensor:
    """Answer with a fixed number of tokens and return them; `ours` and `eager` also make the maps."""
    options: dict[str, Any] = {"do_sample": False, "max_new_tokens": tokens, "min_new_tokens": tokens}
    options["pad_token_id"] = 0
    model.set_attn_implementation({"text_config": "eager" if mode == "eager" else "sdpa"})
    where = (batch["input_ids"][0] == model.config.image_token_id).nonzero().flatten()
    with torch.inference_mode():
        if mode == "plain":
            return torch.as_tensor(model.generate(**batch, **options))
        if mode == "ours":
            recorder = RowRecorder(where[None], batch["attention_mask"], layers, [])
            with capture_rows(model, recorder):
                made = model.generate(**batch, **options, logits_processor=[recorder])
            recorder.mean_rows(0, len(where)).mean(axis=1)
            return torch.as_tensor(made)
        out = model.generate(**batch, **options, output_attentions=True, return_dict_in_generate=True)
        for layer in layers:
            torch.stack([step[layer][0].mean(0)[-1, where] for step in out.attentions]).mean(0)
        return torch.as_tensor(out.sequences)


def one(mode: str, args: argparse.Namespace) -> None:
    """Print one mode's peak memory above the loaded model, in bytes."""
    device = hardware.pick_device(args.device)
    model = build(args.full, args.layers, device)
    batch, layers = inputs(model, args.side, device), wanted(model)
    small = inputs(model, 56, device)
    generate(model, small, "plain", layers, 2)  # kernels and caches are in place before anything is measured
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else resident()
    with hardware.metered(device) as meter:
        generate(model, batch, mode, layers, args.tokens)
    print((meter.peak_bytes or 0) - held)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def wanted(model: Any) -> list[int]:
    """Return four layers past the middle, as the paper takes of 28."""
    depth = model.config.get_text_config().num_hidden_layers
    return [depth * 4 // 7 + i for i in range(4)] if depth >= 10 else list(range(depth - 4, depth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="full-size random 7B")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--side", type=int, default=896, help="picture side in pixels: (side / 28)^2 image tokens")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mode", choices=MODES, help="internal: measure one mode's memory")
    args = parser.parse_args()
    if args.mode:
        one(args.mode, args)
        return
    device = hardware.pick_device(args.device)
    model = build(args.full, args.layers, device)
    batch, layers = inputs(model, args.side, device), wanted(model)
    seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    answers = {mode: generate(model, batch, mode, layers, args.tokens) for mode in MODES}
    assert torch.equal(answers["plain"], answers["ours"]), "capturing changed the answer"
    for round_ in range(args.rounds):
        for mode in MODES if round_ % 3 == 0 else MODES[:2]:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            generate(model, batch, mode, layers, args.tokens)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds[mode].append(time.perf_counter() - start)
    del model
    hardware.release(device)
    peaks = {}
    for mode in MODES:
        command = [sys.executable, __file__, *sys.argv[1:], "--mode", mode]
        peaks[mode] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    pairs = [ours / plain for ours, plain in zip(seconds["ours"], seconds["plain"], strict=True)]
    tokens = int((batch["input_ids"] == vlm_config().image_token_id).sum()) if not args.full else (args.side // 28) ** 2
    result = {
        "bench": "overview",
        "device": device_name(device),
        "image_tokens": tokens,
        "layers": model_layers(args),
        "answer_tokens": args.tokens,
        "seconds": {mode: round(statistics.median(times), 3) for mode, times in seconds.items()},
        "ours_over_plain": round(statistics.median(pairs), 3),
        "eager_over_plain": round(statistics.median(seconds["eager"]) / statistics.median(seconds["plain"]), 2),
        "peak_mib": {mode: round(peak / 2**20, 1) for mode, peak in peaks.items()},
        "extra_mib": {mode: round((peaks[mode] - peaks["plain"]) / 2**20, 1) for mode in ("ours", "eager")},
        "extra_ours_over_eager": round((peaks["ours"] - peaks["plain"]) / max(peaks["eager"] - peaks["plain"], 1), 4),
        "bars": {"ours_over_plain": 1.05, "extra_ours_over_eager": 0.2},
    }
    print(json.dumps(result))


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def model_layers(args: argparse.Namespace) -> int:
    return 28 if args.full else int(args.layers)


if __name__ == "__main__":
    main()
