"""Device, dtype and memory: each choice with its reason."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroov.errors import HardwareError, RecipeError, did_you_mean

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "float16", "bfloat16")


def pick_device(wanted: str = "auto") -> torch.device:
    """Return the device: the wanted one, or with `auto` CUDA, then Apple's MPS, then the CPU."""
    with no_garbage():
        import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kinds = ("auto", "cpu", "cuda", "cuda:0", "mps")
    if wanted.split(":")[0] not in kinds or not wanted.split(":")[-1].isalnum():
        raise HardwareError(f"`{wanted}` is no device{did_you_mean(wanted, kinds)}")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise HardwareError(f"`{wanted}` is no device{did_you_mean(wanted, kinds)}") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise HardwareError(
                f"--device {wanted} was asked for, but this torch ({torch.__version__}) sees no CUDA device; "
                "check `nvidia-smi` and that torch is a CUDA build, or use --device cpu"
            )
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise HardwareError(f"--device {wanted}: only {torch.cuda.device_count()} CUDA device(s) are visible")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise HardwareError("--device mps was asked for, but this machine has none; use --device cpu")
    return device


def pick_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """Return the dtype; `auto` is bfloat16 on CUDA that has it, float16 on other accelerators, float32 on the CPU."""
    import torch

    if wanted not in DTYPES:
        raise RecipeError(f"dtype `{wanted}` is unknown{did_you_mean(wanted, DTYPES)}")
    if wanted != "auto":
        chosen: torch.dtype = getattr(torch, wanted)
        return chosen
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32 if device.type == "cpu" else torch.float16


@dataclass
class Meter:
    """Wall seconds and peak memory of a block; filled in when the block ends."""

    seconds: float = 0.0
    peak_bytes: int | None = None


@contextlib.contextmanager
def metered(device: torch.device) -> Iterator[Meter]:
    """Measure a block: on CUDA the allocator's peak, on the CPU the process's peak resident memory (Linux only)."""
    import torch

    meter = Meter()
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _reset_peak_rss()
    start = time.perf_counter()
    try:
        yield meter
    finally:
        if cuda:
            torch.cuda.synchronize(device)
        meter.seconds = time.perf_counter() - start
        meter.peak_bytes = torch.cuda.max_memory_allocated(device) if cuda else _peak_rss()


def _reset_peak_rss() -> None:
    with contextlib.suppress(OSError):  # not Linux, or a kernel that forbids it: the peak is then since the start
        Path("/proc/self/clear_refs").write_text("5")


def _peak_rss() -> int | None:
    return _linux_bytes("/proc/self/status", "VmHWM")


def _linux_bytes(path: str, name: str) -> int | None:
    """Return what a file of Linux's /proc holds by that name, in bytes; `None` on other systems."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def free_bytes(device: torch.device) -> int | None:
    """Return the memory of a device that nobody uses; `None` where that cannot be known (MPS, a CPU without Linux)."""
    import torch

    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    return _linux_bytes("/proc/meminfo", "MemAvailable") if device.type == "cpu" else None


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """Do not look for garbage while a library or a model is loaded: all of it stays, and looking takes a tenth.

    What is new counts as old afterwards, or it would be looked through once more for each generation.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():  # else a program has frozen objects of its own: they stay so
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()


def release(device: torch.device) -> None:
    """Give freed memory back, after the last reference to a model is gone."""
    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


@contextlib.contextmanager
def memory_guard(stage: str, remedy: str) -> Iterator[None]:
    """Turn running out of device memory into an error that says which stage it was and what to change."""
    import torch

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        first_line = str(error).splitlines()[0]
        raise HardwareError(f"{stage} ran out of device memory ({first_line}); {remedy}") from error
