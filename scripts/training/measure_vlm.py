"""Measure an exported VLM folder as a user would run it: `python -m scripts.training.measure_vlm FOLDER --split val`.

Loads with AutoProcessor and from_pretrained, generates greedily, reads the box out of the text, and looks where the
newest position's attention (mean over heads and answer steps) has its maximum, layer by layer.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

from scripts.training.vlm.evaluate import auroc, closeness, inside, iou
from scripts.training.vlm.tokens import PROMPT_HEAD, PROMPT_TAIL
from zeroov.mini.expressions import FORMS, ask
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for

CELL = 28


def ask_model(model: Any, processor: Any, image: np.ndarray, text: str) -> dict[str, Any]:
    """Answer one question: text, box in model pixels or None, per-layer maps, and the score of not being empty."""
    content = [{"type": "image"}, {"type": "text", "text": f"{PROMPT_HEAD}  {text}{PROMPT_TAIL}"}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(text=[prompt], images=[Image.fromarray(image)], return_tensors="pt").to(model.device)
    length = inputs["input_ids"].shape[1]
    with torch.no_grad():
        out = model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=32,
            output_attentions=True,
            output_scores=True,
            return_dict_in_generate=True,
        )
    answer = processor.batch_decode(out.sequences[:, length:], skip_special_tokens=True)[0]
    found = re.fullmatch(r"\s*\[(\d+), (\d+), (\d+), (\d+)\]\s*", answer)
    places = (inputs["input_ids"][0] == model.config.image_token_id).nonzero()[:, 0]
    rows, columns = (int(side) // 2 for side in inputs["image_grid_thw"][0, 1:])
    maps = [
        torch.stack([step[layer][0, :, -1, places].float().mean(0) for step in out.attentions]).mean(0)
        for layer in range(len(out.attentions[0]))
    ]
    opening = processor.tokenizer.convert_tokens_to_ids("[")
    return {
        "answer": answer,
        "box": None if found is None else [float(v) for v in found.groups()],
        "hw": (rows * CELL, columns * CELL),
        "maps": torch.stack(maps).view(-1, rows, columns).cpu().numpy(),
        "score": float(out.scores[0][0].float().softmax(-1)[opening]),
    }


def combined(maps: np.ndarray, layers: tuple[int, ...], weights: tuple[float, ...]) -> np.ndarray:
    """Sum min-max normalised layers, as Overview does."""
    chosen = maps[list(layers)]
    low, high = chosen.min((1, 2), keepdims=True), chosen.max((1, 2), keepdims=True)
    scaled = (chosen - low) / np.maximum(high - low, 1e-9)
    return np.asarray(np.tensordot(np.array(weights), scaled, 1))


def peak_xy(one: np.ndarray, scale_xy: np.ndarray) -> np.ndarray:
    """Give the middle of the map's highest cell in scene pixels."""
    row, column = np.unravel_index(int(one.argmax()), one.shape)
    return np.asarray((np.array([column, row]) + 0.5) * CELL * scale_xy)


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--height-width", type=int, nargs=2, default=(224, 224))
    parser.add_argument("--scale", type=float, default=1.0, help="of objects: 0.65 gives 16 to 73 px")
    parser.add_argument("--layers", type=int, nargs="+", help="also measure these layers' weighted sum")
    parser.add_argument("--weights", type=float, nargs="+")
    parser.add_argument("--form", choices=FORMS, action="append", help="only these forms (several allowed)")
    parser.add_argument("--maps", type=Path, help="keep every map in this .npz")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    processor = AutoProcessor.from_pretrained(args.folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        args.folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    rows: list[dict[str, Any]] = []
    maps: list[np.ndarray] = []
    style = SceneStyle(height_width=tuple(args.height_width), scale=args.scale)
    began = time.monotonic()
    for index in range(args.scenes):
        scene = make_scene(seed_for(args.split, index), style)
        rng = np.random.default_rng([seed_for(args.split, index), 3])
        forms = tuple(args.form) if args.form else (FORMS[index % len(FORMS)], *FORMS)
        for expression in {ask(scene, rng, (form,)) for form in dict.fromkeys(forms[:3])} - {None}:
            assert expression is not None
            got = ask_model(model, processor, scene.image, expression.text)
            height, width = scene.height_width
            scale = np.array([width / got["hw"][1], height / got["hw"][0]])
            row: dict[str, Any] = {"form": expression.form, "score": got["score"], "text": expression.text}
            row["answer"] = got["answer"]
            if expression.target is not None:
                thing = scene.objects[expression.target]
                truth = np.array(thing.box_xyxy, float)
                box = None if got["box"] is None else np.array(got["box"]) * np.tile(scale, 2)
                row["iou"] = 0.0 if box is None else float(iou(box, truth))
                row["centre"] = box is not None and bool(inside((box[:2] + box[2:]) / 2, truth))
                middle = np.full(2, np.inf) if box is None else (box[:2] + box[2:]) / 2
                row["close"] = {f"box_{k}": v for k, v in closeness(middle, truth, scene.height_width).items()}
                row["points"] = [bool(inside(peak_xy(one, scale), truth)) for one in got["maps"]]
                row["large"], row["kind"] = thing.large, thing.kind
                if args.layers:
                    both = combined(got["maps"], tuple(args.layers), tuple(args.weights or [1.0] * len(args.layers)))
                    peak = peak_xy(both, scale)
                    row["combined"] = bool(inside(peak, truth))
                    near = closeness(peak, truth, scene.height_width)
                    row["close"] |= {f"combined_{k}": v for k, v in near.items()}
                maps.append(got["maps"])
                row["truth"] = truth.tolist()
            rows.append(row)
    seconds = time.monotonic() - began
    there = [row for row in rows if "iou" in row]
    result: dict[str, Any] = {
        "folder": str(args.folder),
        "split": args.split,
        "questions": len(rows),
        "seconds_each": round(seconds / len(rows), 3),
        "pr50": round(float(np.mean([row["iou"] >= 0.5 for row in there])), 4),
        "miou": round(float(np.mean([row["iou"] for row in there])), 4),
        "centre": round(float(np.mean([row["centre"] for row in there])), 4),
        "pointing": np.mean([row["points"] for row in there], 0).round(3).tolist(),
        "absent_auroc": auroc(
            np.array([row["score"] for row in there]), np.array([row["score"] for row in rows if "iou" not in row])
        ),
        "answered_empty": round(float(np.mean([row["answer"].strip() == "[]" for row in there])), 4),
    }
    if args.layers:
        result["combined"] = round(float(np.mean([row["combined"] for row in there])), 4)
    for key in there[0]["close"]:
        result[key] = round(float(np.mean([row["close"][key] for row in there])), 4)
    for key in ("form", "large", "kind"):
        for value in sorted({row[key] for row in there}, key=str):
            some = [row for row in there if row[key] == value]
            result[f"pr50_{key}_{value}"] = round(float(np.mean([row["iou"] >= 0.5 for row in some])), 3)
    if args.maps:
        np.savez(args.maps, maps=np.stack(maps), truth=np.array([row["truth"] for row in there]))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
