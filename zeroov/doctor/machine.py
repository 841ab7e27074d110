"""The machine without a model: packages, device, and free memory against what a recipe is estimated to need."""

from __future__ import annotations

import functools
import importlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from zeroov.doctor.check import Check, checked, gib
from zeroov.errors import Failed, attempt
from zeroov.version import __version__
from zeroov.weights.find import is_builtin
from zeroov.weights.needs import model_of
from zeroov.weights.sizes import count_weights, estimated_bytes

if TYPE_CHECKING:
    import torch

    from zeroov.pipeline.models import LoadedModels, ModelStage

# What the stages import; a package may be installed and still not fit the others.
MODULES = (
    "torch",
    "torchvision",
    "transformers",
    "diffusers",
    "accelerate",
    "safetensors",
    "segment_anything",
    "qwen_vl_utils",
    "cv2",
    "PIL",
)
NO_GPU = "if there is a GPU, install the build of torch for it (pytorch.org) and check `nvidia-smi`"
REINSTALL = "install what is named, e.g. `pip install --upgrade zeroov` (from a checkout: `pip install .`)"


def packages() -> Check:
    """Check that every package is installed, recent enough, and can be imported."""
    wrong = []
    for package in wanted():
        found = version_of(package.name)
        if found is None:
            wrong.append(f"{package.name} is missing")
        elif not package.specifier.contains(found, prereleases=True):
            wrong.append(f"{package.name} {found} is not {package.specifier}")
    for module in MODULES:
        outcome = attempt(functools.partial(importlib.import_module, module), fatal=())
        if isinstance(outcome, Failed):
            wrong.append(f"`import {module}` fails ({outcome.reason})")
    shown = [f"{name} {version_of(name)}" for name in ("torch", "transformers", "diffusers")]
    measured = f"zeroov {__version__}, Python {platform.python_version()}, {', '.join(shown)}"
    if wrong:
        return Check("packages", "failed", f"{'; '.join(wrong)} ({measured})", REINSTALL)
    return Check("packages", "ok", f"{measured}: {len(wanted())} packages installed and recent enough")


def wanted() -> list[Requirement]:
    """Return the packages that zeroov needs, without those of its extras."""
    try:
        listed = [Requirement(text) for text in metadata.requires("zeroov") or ()]
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        listed = [Requirement(name) for name in ("torch", "torchvision", "transformers", "diffusers", "accelerate")]
    return [each for each in listed if each.marker is None or each.marker.evaluate({"extra": ""})]


def version_of(package: str) -> str | None:
    """Return the version of a package, or `None` where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def device_line(device: torch.device, dtypes: Mapping[ModelStage, str], *, real: bool) -> Check:
    """Check that a device computes in the dtype of every stage (`dtypes`, by stage).

    `real`: a CPU is too slow for models of full size.
    """
    return checked("device", lambda: _computes(device, dtypes, real), NO_GPU)


def _computes(device: torch.device, dtypes: Mapping[ModelStage, str], real: bool) -> Check:
    import torch

    for dtype in dict.fromkeys(dtypes.values()):
        ones = torch.ones(16, 16, dtype=getattr(torch, dtype), device=device)
        if float((ones @ ones).sum()) != 16**3:
            return Check("device", "failed", f"{device} multiplies wrongly in {dtype}", "another device or dtype")
    built = f"torch built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch built without CUDA"
    name = f"{device}, {built}"
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        name += f", {torch.cuda.get_device_name(device)}, capability {major}.{minor}"
    runs = ", ".join(f"{stage} in {dtype}" for stage, dtype in dtypes.items())
    if device.type == "cpu" and real:
        return Check("device", "warning", f"{name}: minutes per picture; {runs}", f"no GPU is used: {NO_GPU}")
    return Check("device", "ok", f"{name}; {runs}")


@dataclass(frozen=True)
class Need:
    """What a stage is estimated to hold in memory: its weights, and beside them while it works."""

    stage: ModelStage
    weights_bytes: float
    working_bytes: float


def estimate(models: LoadedModels, stage: ModelStage) -> Need:
    """Estimate what a stage whose model was found needs, from the headers and lengths of its files."""
    recipe = models.recipe
    numbers = count_weights(models.locate(stage).path, model_of(recipe, stage)[0])
    return Need(stage, *estimated_bytes(numbers, recipe, stage, models.dtype_name(stage)))


def memory(needs: Sequence[Need], free: int | None, *, together: bool, offload: bool = False) -> Check:
    """Compare a device's free memory with what is estimated; `together`: all models are held at once."""
    if not needs:
        return Check("memory", "skipped", "no model was found to estimate from")
    largest = max(needs, key=lambda each: each.weights_bytes + each.working_bytes)
    weights = sum(each.weights_bytes for each in needs) if together else largest.weights_bytes
    working = max(each.working_bytes for each in needs) if together else largest.working_bytes
    parts = ", ".join(f"{each.stage} {gib(each.weights_bytes)}" for each in needs)
    loading = "models held together" if together else "one model at a time"
    measured = f"estimated need {gib(weights + working)}: {loading} ({parts}) and {gib(working)} to work in"
    if free is None:
        return Check("memory", "skipped", f"{measured}; how much is free cannot be known here")
    figures = {"free_bytes": float(free), "weights_bytes": weights, "working_bytes": working}
    measured = f"{gib(free)} free, {measured}"
    if offload:
        return Check("memory", "ok", f"{measured}; runtime.offload spreads it over other memory", figures=figures)
    if free >= weights + working:
        return Check("memory", "ok", measured, figures=figures)
    singly = "--set runtime.keep_loaded=false (one model at a time), " if together else ""
    advice = (
        f"end other programs that use it, or {singly}--set runtime.offload=true, --set overview.quantize=4bit (CUDA)"
    )
    return Check("memory", "failed" if free < weights else "warning", measured, advice, figures)


def host_memory(needs: Sequence[Need], free: int | None) -> Check:
    """Compare the computer's own free memory with the largest model, which passes through it to the device."""
    if free is None or not needs:
        return Check("memory of the host", "skipped", "how much is free cannot be known here")
    largest = max(each.weights_bytes for each in needs)
    measured = f"{gib(free)} free, the largest model (estimated {gib(largest)}) passes through it"
    if free >= largest:
        return Check("memory of the host", "ok", measured)
    return Check("memory of the host", "warning", measured, "end other programs, or --set runtime.offload=true")


def is_real(models: LoadedModels) -> bool:
    """Return whether a model of the recipe does not come with zeroov."""
    return not all(is_builtin(models.reference(stage)) for stage in models.stages)
