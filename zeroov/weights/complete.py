"""What a model folder must hold, and which of it is missing or cut short. Reads headers, never weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# The first of these that a folder has is what is loaded: full precision before half, safetensors before pickled.
FORMATS = ("safetensors", "bin", "fp16.safetensors", "fp16.bin")
SETTINGS = (".json", ".txt", ".jinja")
LFS_POINTER = b"version https://git-lfs"
# For each folder of a part ("" is the model folder itself): the stem of its weights, and the files it needs,
# where a tuple means that one of them (a "+" joins files that go together) suffices.
Needs = tuple[str | tuple[str, ...], ...]
TRANSFORMER: dict[str, tuple[tuple[str, ...], Needs]] = {
    "": (
        ("model", "pytorch_model"),
        (
            "config.json",
            ("preprocessor_config.json", "processor_config.json"),
            "tokenizer_config.json",
            ("tokenizer.json", "vocab.json+merges.txt", "vocab.txt"),
        ),
    ),
}
# What draws masks reads no words: no tokenizer. `processor_config.json` alone holds the image processor's settings too.
SEGMENTER: dict[str, tuple[tuple[str, ...], Needs]] = {
    "": (("model", "pytorch_model"), ("config.json", ("preprocessor_config.json", "processor_config.json"))),
}
PARTS: dict[str, dict[str, tuple[tuple[str, ...], Needs]]] = {
    "vlm": TRANSFORMER,
    "detector": TRANSFORMER,
    "segmenter": SEGMENTER,
    "diffusion": {
        "unet": (("diffusion_pytorch_model",), ("config.json",)),
        "vae": (("diffusion_pytorch_model",), ("config.json",)),
        "text_encoder": (("model", "pytorch_model"), ("config.json",)),
        "tokenizer": ((), (("vocab.json+merges.txt", "tokenizer.json"),)),
        "scheduler": ((), ("scheduler_config.json",)),
        "text_encoder_2": (("model", "pytorch_model"), ("config.json",)),
        "tokenizer_2": ((), (("vocab.json+merges.txt", "tokenizer.json"),)),
    },
}
SDXL_ONLY = ("text_encoder_2", "tokenizer_2")
NO_UNET = (
    "it has a transformer/ in place of a unet/, as Stable Diffusion 3 and Flux have: there picture and text share one "
    "attention, and zeroov reads the self-attention of a UNet alone; choose a Stable Diffusion 1.x, 2.x or SDXL"
)


def faults(folder: Path, part: str) -> list[str]:
    """Return what a folder lacks that is one of `PARTS`, in words; empty when it is complete."""
    found = []
    sdxl = part == "diffusion" and is_sdxl(folder)
    for name, (stems, needs) in PARTS[part].items():
        if name in SDXL_ONLY and not sdxl:
            continue
        inner = folder / name
        prefix = f"{name}/" if name else ""
        if name and not inner.is_dir():
            refiner = " (SDXL's refiner has none: choose the base model)" if name == "text_encoder" and sdxl else ""
            found.append(f"{prefix} is missing{refiner}")
            continue
        for need in needs:
            choices = (need,) if isinstance(need, str) else need
            lacking = [[file for file in choice.split("+") if not (inner / file).is_file()] for choice in choices]
            if all(lacking):
                found.append(f"{prefix}{' or '.join(' and '.join(files) for files in lacking)} is missing")
        for file in sorted(inner.glob("*")):
            if file.suffix in SETTINGS and file.is_file() and not file.stat().st_size:
                found.append(f"{prefix}{file.name} is empty")
            elif file.suffix == ".json" and not isinstance(_json(file), dict):
                found.append(f"{prefix}{file.name} is not a JSON object")
        if stems:
            found += [f"{prefix}{fault}" for fault in _weight_faults(inner, stems)]
    return found


def is_sdxl(folder: Path) -> bool:
    """Say if a folder's UNet takes what SDXL adds to it: a pooled text, and sizes as "time ids"."""
    config = _json(folder / "unet" / "config.json")
    return isinstance(config, dict) and config.get("addition_embed_type") == "text_time"


def lacks_unet(part: str, names: Iterable[str]) -> bool:
    """Say if a model of these files (paths inside its folder) is a diffusion model of a family without a UNet."""
    listed = set(names)
    return part == "diffusion" and "transformer/config.json" in listed and "unet/config.json" not in listed


def broken_files(folder: Path, part: str) -> list[Path]:
    """Return the files that are there but cut short or of another kind, so that only a new download mends them."""
    files = [file for name in PARTS[part] for file in sorted((folder / name).glob("*")) if file.is_file()]
    weights = [file for file in files if file.suffix in (".safetensors", ".bin") and _file_faults(file)]
    return weights + [file for file in files if file.suffix == ".json" and _json(file) is None]


def wanted_files(part: str, names: Iterable[str]) -> list[str]:
    """Return the files of a repository that the model classes load: of several formats of the weights, the first."""
    listed = list(names)
    wanted = {"model_index.json"} & set(listed)
    for folder, (stems, _) in PARTS[part].items():
        inside = [name for name in listed if str(PurePosixPath(name).parent) == (folder or ".")]
        for suffix in FORMATS if stems else ():
            shape = re.compile(rf"({'|'.join(stems)})(-\d+-of-\d+)?\.{re.escape(suffix)}(\.index\.json)?")
            weights = [name for name in inside if shape.fullmatch(PurePosixPath(name).name)]
            if weights:
                wanted.update(weights)
                break
        wanted.update(name for name in inside if name.endswith(SETTINGS) and not name.endswith(".index.json"))
    return sorted(wanted)


def weights_of(folder: Path, stems: tuple[str, ...]) -> Path | None:
    """Return the weights that are loaded from a folder, or the index of their shards; `None` where there are none."""
    names = (f"{stem}.{suffix}{end}" for suffix in FORMATS for stem in stems for end in ("", ".index.json"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _weight_faults(folder: Path, stems: tuple[str, ...]) -> list[str]:
    """Return what is wrong with the weights of one folder: every shard of an index counts."""
    found = weights_of(folder, stems)
    if found is None:
        return [f"{stems[0]}.safetensors (or its index with every shard) is missing"]
    return _shard_faults(found) if found.suffix == ".json" else _file_faults(found)


def _shard_faults(index: Path) -> list[str]:
    listed = _json(index)
    shards = listed.get("weight_map") if isinstance(listed, dict) else None
    if not isinstance(shards, dict) or not shards:
        return [f"{index.name} is not an index of weights"]
    found = []
    for shard in sorted(set(shards.values())):
        path = index.parent / shard
        found += _file_faults(path) if path.is_file() else [f"{shard} is missing"]
    return found


def _file_faults(path: Path) -> list[str]:
    """Return whether a weight file is a git-lfs pointer or shorter than its own header says."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(len(LFS_POINTER))
        if start == LFS_POINTER:
            return [f"{path.name} is a git-lfs pointer, not weights (type `git lfs pull`)"]
        if path.suffix != ".safetensors":
            return [] if size else [f"{path.name} is empty"]
        header_bytes = int.from_bytes(start[:8], "little")
        if size < 8 or header_bytes > size - 8:
            return [f"{path.name} is cut short or not a safetensors file"]
        stream.seek(8)
        try:
            header = json.loads(stream.read(header_bytes))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = 8 + header_bytes + max(map(int, ends), default=0)
        except (ValueError, AttributeError, KeyError, TypeError, IndexError, OverflowError, RecursionError):
            return [f"{path.name} is not a safetensors file"]
    return [] if size == expected else [f"{path.name} has {size} bytes and should have {expected}"]


def _json(path: Path) -> object | None:
    try:
        parsed: object = json.loads(path.read_text(encoding="utf-8"))
        return parsed
    except (ValueError, OSError, RecursionError):
        return None
