"""What every recipe costs on a GPU, in ten minutes: `python -m scripts.bench_gpu --device cuda --out speed`.

Models of full size with random weights in bfloat16, or with `--real` the recipes' own, downloaded before. Random
language models are made to answer a box, so that every stage has work. Each recipe is asked 1 and 4 expressions about
each of 1, 4 and 8 pictures of 800 x 800 pixels at once. Writes OUT.json and OUT.md, and ends with one JSON line. What
does not fit, or needs a package that is not there, costs its own rows. `--recipes qwen3-vl,internvl,glm,sdxl,sam2,sam3`
are measured too, at their sizes. `--small` runs in a minute on a CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from scripts import bench_refine, full_size
from zeroov import hardware
from zeroov.errors import ZeroovError
from zeroov.ground import Pipeline, ground_pictures
from zeroov.look import Stage
from zeroov.overview.load import OverviewModels, load_overview
from zeroov.pipeline.models import LoadedModels, ModelStage
from zeroov.raster.scene import open_source
from zeroov.recipe import Recipe, load
from zeroov.tiny.builtin import locate_builtin
from zeroov.weights.find import Located

RECIPES = ("fast", "quick", "qwen-sam", "select-lite", "select")
BATCHES, EXPRESSIONS = (1, 4, 8), (1, 4)
SIDE, MOST_TOKENS = 800, 64
STAGES: tuple[Stage, ...] = ("overview", "focus", "evolve", "select", "refine")
ANSWER = {False: b"[200, 200, 500, 500]", True: b"[20, 20, 50, 50]"}  # in pixels of the picture
SMALL = {"focus.resize_to": 128, "focus.grids": [16, 8], "focus.working_grid": 16, "refine.type": "vit_tiny"}
SMALL |= {"overview.layers": [0, 1, 2, 3], "overview.weights": [0.1, 0.1, 0.3, 0.5]}
SEGMENTERS = {"facebook/sam2.1-hiera-large": "sam2-large", "facebook/sam3": "sam3_tracker-full"}


class RandomModels(LoadedModels):
    """Models of the recipe's classes and sizes with random weights; nothing is downloaded and nothing is written."""

    def __init__(self, recipe: Recipe, device: torch.device, small: bool):
        super().__init__(recipe, device)
        self.small = small

    def locate(self, stage: ModelStage) -> Located:
        """Return the name of a random model."""
        return Located(Path(), f"random/{stage}", "0")

    def _load(self, stage: ModelStage, found: Located) -> Any:
        torch.manual_seed(0)
        dtype = getattr(torch, self.dtype_name(stage))
        make: dict[str, Callable[[], Any]] = {
            "overview": lambda: language_model(self.recipe, self.device, dtype, self.small),
            "focus": lambda: diffusion(self.recipe, self.device, dtype, self.small),
            "refine": lambda: segmenter(self.recipe, self.device, dtype, self.small),
        }
        if stage not in make:
            raise ZeroovError(f"no random model for stage {stage}")
        return make[stage]()


def on(device: torch.device, dtype: torch.dtype, build: Callable[[], Any]) -> Any:
    """Build a model where it will run, in its type."""
    torch.set_default_dtype(dtype)
    try:
        with device:
            return build().eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(torch.float32)


def language_model(recipe: Recipe, device: torch.device, dtype: torch.dtype, small: bool) -> OverviewModels:
    """Return the recipe's model, a Qwen2.5-VL of 7 billion parameters as a rule: a byte is a token."""
    if recipe.overview.model in full_size.LANGUAGE and not small:
        return full_size.language_model(recipe.overview.model, device, dtype, ANSWER[True])
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tiny = load_overview(
        locate_builtin("builtin:tiny", "vlm").path, recipe.overview, torch.device("cpu"), name="random", revision="0"
    )
    config: Any = tiny.model.config
    if not small:
        ids = {name: value for name, value in config.to_dict().items() if name.endswith("token_id")}
        config = Qwen2_5_VLConfig(**ids)  # the library's defaults are the 7B's language part
        config.text_config.vocab_size = 152_064
        config.vision_config.out_hidden_size = config.text_config.hidden_size
    model = on(device, dtype, lambda: Qwen2_5_VLForConditionalGeneration(config))
    model.generation_config = tiny.model.generation_config
    full_size.answering(model, (*ANSWER[small], model.generation_config.eos_token_id[0]))
    processor = tiny.processor
    processor.image_processor.size = {"shortest_edge": 56 * 56, "longest_edge": (28 if small else 1280) * 28 * 28}
    return OverviewModels(model, processor, tiny.family, device, "random", "0")


def diffusion(recipe: Recipe, device: torch.device, dtype: torch.dtype, small: bool) -> Any:
    """Return a Stable Diffusion 1.x, 2.1 or XL of full size, with the tokenizer of the tiny one."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from zeroov.focus.load import FocusModels, load_focus

    folder = locate_builtin("builtin:tiny", "diffusion").path
    tiny = load_focus(folder, recipe.focus, device, name="random", revision="0")
    if small:
        return tiny

    def text(width: int, layers: int, heads: int, **more: Any) -> CLIPTextConfig:
        sizes: dict[str, Any] = {"hidden_size": width, "intermediate_size": 4 * width}
        return CLIPTextConfig(**sizes, num_hidden_layers=layers, num_attention_heads=heads, **more)

    name = recipe.focus.model if recipe.focus.model in full_size.UNETS else "CompVis/stable-diffusion-v1-4"
    first = text(1024, 23, 16) if "stable-diffusion-2" in name else text(768, 12, 12)
    blocks = (128, 256, 512, 512)
    vae = AutoencoderKL(
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        sample_size=512,
    )
    is_xl = "xl" in name
    second = text(1280, 32, 20, projection_dim=1280)
    return FocusModels(
        unet=full_size.unet(name, device, dtype),
        vae=vae.to(device, dtype).eval().requires_grad_(False),
        text_encoder=on(device, dtype, lambda: CLIPTextModel(first)),
        tokenizer=tiny.tokenizer,
        scheduler=tiny.scheduler,
        device=device,
        dtype=dtype,
        name="random",
        revision="0",
        text_encoder_2=on(device, dtype, lambda: CLIPTextModelWithProjection(second)) if is_xl else None,
        tokenizer_2=tiny.tokenizer if is_xl else None,
    )


def segmenter(recipe: Recipe, device: torch.device, dtype: torch.dtype, small: bool) -> Any:
    """Return a model of masks of the recipe's family and size."""
    from zeroov.refine.load import load_segmenter
    from zeroov.refine.sam import OfficialSam, build_sam

    if not recipe.refine.model:
        return OfficialSam(build_sam(recipe.refine.type).to(device, dtype).requires_grad_(False))
    if small:
        folder = locate_builtin("builtin:tiny", "segmenter").path
        return load_segmenter(folder, recipe.refine, device, name="random")
    with tempfile.TemporaryDirectory() as written:
        bench_refine.write(SEGMENTERS[recipe.refine.model], Path(written))
        return load_segmenter(Path(written), recipe.refine, device, name="random")


def pictures(count: int, seed: int, side: int) -> list[np.ndarray]:
    """Return pictures of plain shapes on noise, which no pipeline has seen."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 90, (count, side, side, 3), dtype=np.uint8)
    made[:, side // 4 : side // 2, side // 4 : side // 2] += 100
    return list(made)


def measured(pipeline: Pipeline, count: int, expressions: int, side: int, rounds: int) -> dict[str, Any]:
    """Return the seconds of one sample in all and by stage, and the peak memory, of pictures asked at once."""
    texts = [f"the white plane number {each} on the left" for each in range(expressions)]
    taken, stages = [], dict.fromkeys(STAGES, 0.0)
    with hardware.metered(pipeline.device) as meter:
        for round_ in range(rounds + 1):
            shown = pictures(count, 1000 * count + 100 * expressions + round_, side)
            asked = [(scene, text) for scene in map(open_source, shown) for text in texts]
            start = time.perf_counter()
            answers = ground_pictures(pipeline, asked)
            if round_ == 0:
                continue  # kernels are chosen, memory is taken
            taken.append((time.perf_counter() - start) / len(asked))
            for stage in STAGES:
                costs = {id(cost): cost for each in answers if (cost := each.looks[0].costs.get(stage))}
                stages[stage] += sum(cost.seconds for cost in costs.values()) / len(asked) / rounds
    seconds = float(np.median(taken))
    peak = None if meter.peak_bytes is None else round(meter.peak_bytes / 2**30, 2)
    return {
        "pictures": count,
        "expressions": expressions,
        "samples_per_second": round(1 / seconds, 2),
        "seconds": round(seconds, 4),
        "stages": {name: round(value, 4) for name, value in stages.items() if value},
        "shares": {name: round(value / seconds, 2) for name, value in stages.items() if value},
        "peak_gib": peak,
    }


def recipe_for(name: str, batch: int, args: argparse.Namespace) -> Recipe:
    """Return a recipe with a batch, in bfloat16 where weights are random."""
    changes: dict[str, Any] = {"runtime.batch": batch, "runtime.keep_loaded": True}
    if not args.real:
        changes |= {f"{stage}.dtype": args.dtype for stage in ("overview", "focus", "refine")}
        changes |= {"overview.max_new_tokens": MOST_TOKENS, "candidates.max_new_tokens": MOST_TOKENS}
    if args.small:
        changes |= SMALL
    return load(name, changes)


def rows_of(name: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure one recipe; a row that fails says why."""
    rows: list[dict[str, Any]] = []
    models: Any = None
    for count in BATCHES:
        recipe = recipe_for(name, count, args)
        pipeline = Pipeline(recipe, args.device)
        if not args.real:
            models = models or RandomModels(recipe, pipeline.device, args.small)
            models.recipe = recipe
            pipeline.models = cast("LoadedModels", models)
        for expressions in EXPRESSIONS:
            row: dict[str, Any] = {"pictures": count, "expressions": expressions}
            try:
                row = measured(pipeline, count, expressions, 96 if args.small else SIDE, args.rounds)
            except (ZeroovError, ImportError, torch.OutOfMemoryError) as error:
                row["failed"] = str(error).splitlines()[0][:200]
            rows.append({"recipe": name, **row})
            print(json.dumps(rows[-1]), flush=True)
        pipeline.kept.clear()
    if models:
        models.drop_all()
    return rows


def table(rows: list[dict[str, Any]], about: str) -> str:
    """Return the rows as Markdown."""
    head = ["recipe", "pictures", "expressions", "samples/s", "s a sample", *STAGES, "peak GiB"]
    lines = [about, "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        begin = [row["recipe"], row["pictures"], row["expressions"]]
        if "failed" in row:
            lines.append(f"| {' | '.join(map(str, begin))} | {row['failed']} |" + " |" * (len(head) - 4))
            continue
        stages = [row["stages"].get(stage, "") for stage in STAGES]
        peak = "" if row["peak_gib"] is None else row["peak_gib"]
        cells = [*begin, row["samples_per_second"], row["seconds"], *stages, peak]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, write the table, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="bfloat16", help="of random weights")
    parser.add_argument("--real", action="store_true", help="the recipes' own models, which are on this machine")
    parser.add_argument("--small", action="store_true", help="tiny models: does the script itself work?")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("speed"), help="writes OUT.json and OUT.md")
    args = parser.parse_args(arguments)
    device = hardware.pick_device(args.device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    kind = "real weights" if args.real else f"random weights, {args.dtype}{', tiny models' if args.small else ''}"
    rows: list[dict[str, Any]] = []
    for name in args.recipes.split(","):
        rows += rows_of(name, args)
    packages = {name: importlib.util.find_spec(name) is not None for name in ("diffusers", "segment_anything")}
    result = {"bench": "gpu", "device": where, "torch": torch.__version__, "weights": kind, "packages": packages}
    args.out.with_suffix(".json").write_text(json.dumps({**result, "rows": rows}, indent=1), encoding="utf-8")
    about = f"{where}, torch {torch.__version__}, {kind}. Seconds by stage are of one sample."
    args.out.with_suffix(".md").write_text(table(rows, about), encoding="utf-8")
    failed = sum("failed" in row for row in rows)
    print(json.dumps({**result, "rows": len(rows), "failed": failed}))


if __name__ == "__main__":
    main()
