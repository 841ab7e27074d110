"""What Overview costs: beside plain generation, beside eager attention, and for several questions about one picture.

    python scripts/bench_overview.py                          # CPU, a mid-sized random Qwen2.5-VL
    python scripts/bench_overview.py --device cuda --full     # a full-size random 7B in bfloat16

Times are taken in turn in one process (plain, ours, four questions, plain ...); memory in a fresh process each, as the
peak above what is held once the model is loaded. On a CPU seconds are of processor time. Ends with one JSON line.
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
from transformers import GenerationConfig

from zeroov import hardware
from zeroov.overview.capture import RowRecorder, capture_rows, stop_after
from zeroov.overview.decode import decode
from zeroov.overview.families import FAMILIES
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import ask, forward, read_prompt
from zeroov.overview.prompt import Prompt
from zeroov.tiny.build import vlm_config

MODES = ("plain", "ours", "four", "eight", "quick", "eager")
QUESTIONS = {"four": 4, "eight": 8}
WORDS = 40  # behind the picture


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


def prompt_of(model: Any, side: int) -> Prompt:
    """Return a prompt of one square picture of `side` pixels, 20 words before it and `WORDS` behind it."""
    grid = side // 14
    config = model.config
    image = torch.full((grid * grid // 4,), config.image_token_id)
    start = torch.tensor([config.vision_start_token_id])
    ids = torch.cat([words(20, 0), start, image, words(WORDS, 1)])[None]
    patches = torch.randn(grid * grid, 3 * 2 * 14 * 14, generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    batch["mm_token_type_ids"] = (ids == config.image_token_id).long()
    batch |= {"pixel_values": patches.to(next(model.parameters()).dtype)}
    batch |= {"image_grid_thw": torch.tensor([[1, grid, grid]])}
    return Prompt(batch, (grid // 2, grid // 2), (side, side), 21, WORDS)


def words(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 250, (count,), generator=torch.Generator().manual_seed(seed))


def run(models: OverviewModels, prompt: Prompt, mode: str, layers: list[int], tokens: int) -> list[Any]:
    """Answer with a fixed number of tokens and return them; all modes but `plain` also make the maps."""
    if mode in ("plain", "eager"):
        return generated(models, prompt, mode, layers, tokens)
    model, count = models.model, QUESTIONS.get(mode, 1)
    prefix = read_prompt(models, prompt, max(layers) if mode == "quick" else None)
    asked = ask(models, [prefix] * count, [words(WORDS, 1 + each).tolist() for each in range(count)])
    recorder = RowRecorder(asked.image_positions, asked.mask, layers)
    answers: list[Any] = []
    if mode == "quick":
        inputs = {"input_ids": asked.words, "attention_mask": asked.mask}
        with torch.inference_mode(), capture_rows(model, recorder), stop_after(model, max(layers)):
            forward(models, asked.cache, asked.positions, **inputs)
        recorder.all_steps()
    else:
        with capture_rows(model, recorder):
            answers = decode(models, asked, tokens, watchers=[recorder])
    for sample in range(count):
        recorder.mean_rows(sample, prompt.grid_hw[0] * prompt.grid_hw[1]).mean(axis=1)
    return answers


def generated(models: OverviewModels, prompt: Prompt, mode: str, layers: list[int], tokens: int) -> list[Any]:
    """Answer by the model's own `generate`, in mode `eager` with all matrices."""
    model, inputs = models.model, {name: value.to(models.device) for name, value in prompt.inputs.items()}
    options: dict[str, Any] = {"do_sample": False, "max_new_tokens": tokens, "min_new_tokens": tokens}
    length = inputs["input_ids"].shape[1]
    model.set_attn_implementation({"text_config": mode.replace("plain", "sdpa")})
    try:
        with torch.inference_mode():
            if mode == "plain":
                return list(model.generate(**inputs, **options)[0, length:].tolist())
            out = model.generate(**inputs, **options, output_attentions=True, return_dict_in_generate=True)
            where = slice(prompt.first_image, prompt.first_image + prompt.grid_hw[0] * prompt.grid_hw[1])
            for layer in layers:
                torch.stack([step[layer][0].mean(0)[-1, where] for step in out.attentions]).mean(0)
            return list(out.sequences[0, length:].tolist())
    finally:
        model.set_attn_implementation({"text_config": "sdpa"})


def one(mode: str, args: argparse.Namespace) -> None:
    """Print one mode's peak memory, in all and above the loaded model, in bytes."""
    models = loaded(args)
    prompt, layers, device = prompt_of(models.model, args.side), wanted(models.model), models.device
    run(models, prompt_of(models.model, 56), "ours", layers, 2)  # kernels are in place before anything is measured
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else resident()
    with hardware.metered(device) as meter:
        run(models, prompt, mode, layers, args.tokens)
    print((meter.peak_bytes or 0), (meter.peak_bytes or 0) - held)


def loaded(args: argparse.Namespace) -> OverviewModels:
    device = hardware.pick_device(args.device)
    model = build(args.full, args.layers, device)
    model.generation_config = GenerationConfig(pad_token_id=0)  # no end: all answers have one length
    return OverviewModels(model, None, FAMILIES["qwen2_5_vl"], device, "random", "")


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
    models = loaded(args)
    device, prompt, layers = models.device, prompt_of(models.model, args.side), wanted(models.model)
    seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    answers = {mode: run(models, prompt, mode, layers, args.tokens) for mode in MODES}
    assert answers["plain"] == answers["ours"][0] == answers["eight"][0], "capturing or sharing changed the answer"
    for round_ in range(args.rounds):
        for mode in MODES if round_ % 3 == 0 else MODES[:-1]:
            seconds[mode].append(timed(models, prompt, mode, layers, args.tokens))
    del models
    hardware.release(device)
    peaks, above = {}, {}
    for mode in MODES:
        command = [sys.executable, __file__, *sys.argv[1:], "--mode", mode]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        peaks[mode], above[mode] = int(said[-2]), int(said[-1])
    middle = {mode: statistics.median(times) for mode, times in seconds.items()}

    def beside(mode: str, other: str) -> float:
        """Return the median of the ratios of runs that followed each other."""
        return round(statistics.median(a / b for a, b in zip(seconds[mode], seconds[other], strict=True)), 3)

    result = {
        "bench": "overview",
        "device": device_name(device),
        "image_tokens": prompt.grid_hw[0] * prompt.grid_hw[1],
        "layers": 28 if args.full else args.layers,
        "answer_tokens": args.tokens,
        "seconds": {mode: round(value, 3) for mode, value in middle.items()},
        "ours_over_plain": beside("ours", "plain"),
        "eager_over_plain": round(middle["eager"] / middle["plain"], 2),
        "four_over_one": beside("four", "ours"),
        "eight_over_one": beside("eight", "ours"),
        "quick_over_one": beside("quick", "ours"),
        "peak_mib": {mode: round(peak / 2**20, 1) for mode, peak in peaks.items()},
        "above_model_mib": {mode: round(peak / 2**20, 1) for mode, peak in above.items()},
        "peak_four_over_one": round(peaks["four"] / peaks["ours"], 3),
        "extra_ours_over_eager": round((peaks["ours"] - peaks["plain"]) / max(peaks["eager"] - peaks["plain"], 1), 4),
        "bars": {"ours_over_plain": 1.05, "four_over_one": 1.45, "eight_over_one": 1.6, "quick_over_one": 0.6}
        | {"peak_four_over_one": 1.15, "extra_ours_over_eager": 0.2},
    }
    print(json.dumps(result))


def timed(models: OverviewModels, prompt: Prompt, mode: str, layers: list[int], tokens: int) -> float:
    cuda = models.device.type == "cuda"
    if cuda:
        torch.cuda.synchronize(models.device)
    clock = time.perf_counter if cuda else time.process_time  # other work on this machine takes none of the latter
    start = clock()
    run(models, prompt, mode, layers, tokens)
    if cuda:
        torch.cuda.synchronize(models.device)
    return clock() - start


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
