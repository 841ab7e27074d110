"""Focus: ours against the plain UNet call and against the official way, with random weights, in one run.

    python scripts/bench_focus.py                         # half as wide as SD 1.x, on the CPU
    python scripts/bench_focus.py --device cuda --full    # SD 1.x at full size

plain     one call of the UNet as it comes: the floor
ours      the same call, self-attention read and pooled on the way, ended after the last wanted layer
official  every head's full map of every layer, self and cross, computed eagerly, moved to the CPU, then averaged

Times are interleaved in one process, the fastest of the repeats. Peaks are measured in a fresh process per variant and
told as what comes on top of the loaded model: resident memory of the process, and the allocator's on a GPU.
The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zeroov.focus.capture import AttentionMaps, capture_self_attention
from zeroov.hardware import metered

VARIANTS = ("plain", "ours", "official")
GRIDS, WORKING = (64, 32), 32


def build_unet(full: bool, device: torch.device, dtype: torch.dtype) -> Any:
    """Build SD 1.x's UNet, or one of half its width and heads (so the same 40 channels per head), from a fixed seed."""
    from diffusers import UNet2DConditionModel

    width, heads = (320, 8) if full else (160, 4)
    torch.manual_seed(0)
    with device:
        unet = UNet2DConditionModel(
            sample_size=64,
            block_out_channels=(width, 2 * width, 4 * width, 4 * width),
            cross_attention_dim=768,
            attention_head_dim=heads,  # the number of heads, by diffusers' old misnomer
        )
    unet = unet if dtype == torch.float32 else unet.to(dtype)
    return unet.eval().requires_grad_(False)


class StoringProcessor:
    """Attend eagerly and keep every head's full map on the CPU."""

    def __init__(self, store: list[Tensor]) -> None:
        self.store = store

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            attn.head_to_batch_dim(part) for part in (attn.to_q(hidden_states), attn.to_k(source), attn.to_v(source))
        )
        weights = (query @ key.transpose(1, 2) * attn.scale).softmax(dim=-1)
        self.store.append(weights.cpu())
        out: Tensor = attn.to_out[0](attn.batch_to_head_dim(weights @ value))
        return out


def run_official(unet: Any, call: Callable[[], None], batch: int) -> Tensor:
    stores: dict[str, list[Tensor]] = {name: [] for name in unet.attn_processors}
    own = dict(unet.attn_processors)
    unet.set_attn_processor({name: StoringProcessor(store) for name, store in stores.items()})
    try:
        call()
    finally:
        unet.set_attn_processor(own)
    mean = []
    for grid in GRIDS:
        maps = [
            layer.view(batch, -1, grid**2, grid**2)
            for name, store in stores.items()
            if ".attn1." in name and not name.startswith("mid_block")
            for layer in store
            if layer.shape[1] == grid**2
        ]
        matrix = torch.cat(maps, dim=1).float().mean(dim=1)
        side = grid // WORKING
        cells = matrix.view(batch, WORKING, side, WORKING, side, WORKING, side, WORKING, side)
        mean.append(cells.mean(dim=(2, 4)).sum(dim=(4, 6)).view(batch, WORKING**2, WORKING**2))
    return torch.stack(mean).mean(dim=0)


def run_ours(unet: Any, call: Callable[[], None], batch: int) -> Tensor:
    maps = AttentionMaps(GRIDS, WORKING)
    with capture_self_attention(unet, maps, 64, stop_after_last=True):
        call()
    return maps.mean().cpu()


def run_plain(unet: Any, call: Callable[[], None], batch: int) -> Tensor:
    call()
    return torch.zeros(1)


RUN = {"plain": run_plain, "ours": run_ours, "official": run_official}


def measure_peak(unet: Any, call: Callable[[], None], variant: str, batch: int, device: torch.device) -> dict[str, int]:
    """Return the bytes on top of the loaded model that one call of a variant takes, on the host and on the GPU."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        allocated = torch.cuda.memory_allocated(device)
    with metered(torch.device("cpu")) as meter:
        RUN[variant](unet, call, batch)
    extra = {"cpu": (meter.peak_bytes or 0) - resident}
    if device.type == "cuda":
        extra["cuda"] = torch.cuda.max_memory_allocated(device) - allocated
    return extra


def measure_times(
    unet: Any, call: Callable[[], None], batch: int, repeats: int, device: torch.device
) -> dict[str, Any]:
    """Return each variant's fastest seconds, and how far ours and the official maps, pooled rightly, lie apart."""
    answers: dict[str, Tensor] = {}
    seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for repeat in range(repeats + 1):
        for variant in VARIANTS:
            start = time.perf_counter()
            answers[variant] = RUN[variant](unet, call, batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repeat:  # the first round warms up
                seconds[variant].append(time.perf_counter() - start)
    difference = float((answers["ours"] - answers["official"]).abs().max())
    return {"seconds": {name: min(times) for name, times in seconds.items()}, "largest_difference": difference}


def run_child(options: argparse.Namespace) -> dict[str, Any]:
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    torch.set_num_threads(options.threads)
    unet = build_unet(options.full, device, dtype)
    latents = torch.randn(options.batch, 4, 64, 64).to(device, dtype)
    text = torch.randn(options.batch, 77, 768).to(device, dtype)

    def call() -> None:
        unet(latents, torch.tensor(100, device=device), encoder_hidden_states=text, return_dict=False)

    with torch.no_grad():
        if options.child in VARIANTS:
            return measure_peak(unet, call, options.child, options.batch, device)
        return measure_times(unet, call, options.batch, options.repeats, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default=None, help="float32 on the CPU, float16 on CUDA")
    parser.add_argument("--full", action="store_true", help="SD 1.x at full size instead of half its width")
    parser.add_argument("--batch", type=int, default=1, help="pictures per call")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    parser.add_argument("--child", choices=[*VARIANTS, "times"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.dtype = options.dtype or ("float16" if options.device.startswith("cuda") else "float32")
    if options.child:
        print(json.dumps(run_child(options)))
        return

    def child(name: str) -> dict[str, Any]:
        arguments = [f"--{key}={getattr(options, key)}" for key in ("device", "dtype", "batch", "repeats", "threads")]
        arguments += ["--full"] * options.full
        command = [sys.executable, __file__, "--child", name, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    times = child("times")
    peaks = {variant: child(variant) for variant in VARIANTS}
    report(options, times, peaks)


def report(options: argparse.Namespace, times: dict[str, Any], peaks: dict[str, dict[str, int]]) -> None:
    seconds = times["seconds"]
    place = "cuda" if options.device.startswith("cuda") else "cpu"
    print(f"{'':10}{'seconds':>10}{'x plain':>10}{'extra peak':>14}{'x plain':>10}")
    for variant in VARIANTS:
        peak = peaks[variant][place]
        ratios = seconds[variant] / seconds["plain"], peak / peaks["plain"][place]
        print(f"{variant:10}{seconds[variant]:10.3f}{ratios[0]:10.2f}{peak / 2**20:10.0f} MiB{ratios[1]:10.2f}")
    ratio = seconds["ours"] / seconds["plain"]
    print(f"noise / plain UNet call: {ratio:.2f} (bar: <= 1.3, {'met' if ratio <= 1.3 else 'MISSED'})")
    print(f"official / ours: {seconds['official'] / seconds['ours']:.1f} x the time, ", end="")
    print(f"{peaks['official']['cpu'] / peaks['ours']['cpu']:.1f} x the extra host memory")
    document = {
        "bench": "focus",
        "device": torch.cuda.get_device_name(options.device) if place == "cuda" else f"cpu ({platform.machine()})",
        "unet": "SD 1.x" if options.full else "SD 1.x, half width",
        **{key: getattr(options, key) for key in ("dtype", "batch", "threads", "repeats")},
        "torch": torch.__version__,
        **times,
        "time_ratio_to_plain": ratio,
        "time_ratio_official_to_ours": seconds["official"] / seconds["ours"],
        "extra_peak_bytes": peaks,
        "peak_ratio_official_to_ours": peaks["official"][place] / peaks["ours"][place],
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
