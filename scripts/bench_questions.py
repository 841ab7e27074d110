"""What more questions about one picture cost: the whole chain, and a search. `python scripts/bench_questions.py`.

Drawn scenes and a recipe of the miniature models, or another one with `--recipe`. One question and several about the
same picture take turns, each in a pipeline that knows nothing of the picture yet, its models loaded before. On a CPU
seconds are of processor time. `--alike` counts instead how many answers differ between questions asked together and one
by one, and how far their attention does, for a dtype as in `--set overview.dtype=bfloat16`. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from zeroov.ground import Pipeline
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.progress import SILENT
from zeroov.raster.scene import open_source
from zeroov.recipe import load, parse_assignments
from zeroov.search.survey import survey_tiles

Act = Callable[[Pipeline, Scene, list[str]], None]
WIDE = SceneStyle(height_width=(640, 640), objects=(12, 20))


def asked(scene: Scene, count: int) -> list[str]:
    """Return expressions for so many different objects of a scene."""
    texts = list(dict.fromkeys(f"the {thing.colour} {thing.kind}" for thing in scene.objects))
    return [texts[at % len(texts)] + " " * (at // len(texts)) for at in range(count)]


def ground(pipeline: Pipeline, scene: Scene, texts: list[str]) -> None:
    """Answer questions about a picture."""
    pipeline.ground(scene.image, texts, search=False)


def search(pipeline: Pipeline, scene: Scene, texts: list[str]) -> None:
    """Search a scene for several things, with closer looks at each candidate."""
    pipeline.ground(scene.image, texts, search=True)


def survey(pipeline: Pipeline, scene: Scene, texts: list[str]) -> None:
    """Ask the tiles of a scene several things."""
    with open_source(scene.image) as opened:
        survey_tiles(pipeline, opened, texts, pipeline.recipe, SILENT)


def seconds(pipeline: Pipeline, scene: Scene, texts: list[str], act: Act) -> float:
    """Return what several questions take about a picture that is new to the pipeline."""
    pipeline.kept.clear()
    clock = time.perf_counter if pipeline.device.type == "cuda" else time.process_time
    start = clock()
    act(pipeline, scene, texts)
    return clock() - start


def beside(pipeline: Pipeline, scenes: list[Scene], counts: tuple[int, ...], act: Act) -> dict[int, float]:
    """Return, for each number of questions, the median of its seconds over those of one question, scene by scene."""
    ratios: dict[int, list[float]] = {count: [] for count in counts}
    for number, scene in enumerate(scenes):
        texts = asked(scene, max(counts))
        one = seconds(pipeline, scene, texts[:1], act)
        for count in counts:
            taken = seconds(pipeline, scene, texts[:count], act)
            if number:  # the first scene warms up
                ratios[count].append(taken / one)
    return {count: round(statistics.median(each), 3) for count, each in ratios.items()}


def alike(pipeline: Pipeline, scenes: list[Scene]) -> dict[str, float]:
    """Return how answers and attention differ between questions asked together and one by one."""
    words, rows = [], []
    for scene in scenes:
        texts = asked(scene, 4)
        pipeline.kept.clear()
        together = pipeline.ground(scene.image, texts, search=False)
        for text, other in zip(texts, together, strict=True):
            pipeline.kept.clear()
            apart = pipeline.ground(scene.image, text, search=False)
            own, shared = apart.looks[0].overview, other.looks[0].overview
            words.append(own.answer != shared.answer)
            if not words[-1]:  # of other words the rows are others
                rows.append(float(np.abs(own.layers - shared.layers).max() / own.layers.max()))
    return {
        "answers": len(words),
        "other_words": sum(words),
        "rows_apart_median": float(np.median(rows)),
        "rows_apart_most": max(rows),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="mini")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="recipe keys")
    parser.add_argument("--alike", action="store_true")
    args = parser.parse_args()
    plain = [make_scene(seed_for("val", 7_000 + at), SceneStyle(objects=(5, 6))) for at in range(args.scenes + 1)]
    wide = [make_scene(seed_for("val", 8_000 + at), WIDE) for at in range(max(1, args.scenes // 4) + 1)]
    recipe = load(args.recipe, parse_assignments(args.set))
    with Pipeline(recipe, args.device) as pipeline:
        pipeline.warm_up()
        if args.alike:
            print(json.dumps({"bench": "alike", "recipe": args.recipe, "set": args.set, **alike(pipeline, plain)}))
            return
        chain = beside(pipeline, plain, (4, 8), ground)
        tiles = beside(pipeline, wide, (2,), survey)
        whole = beside(pipeline, wide, (2,), search)
    result = {
        "bench": "questions",
        "recipe": args.recipe,
        "device": str(pipeline.device),
        "scenes": len(plain) - 1,
        "chain_four_over_one": chain[4],
        "chain_eight_over_one": chain[8],
        "tiles_two_over_one": tiles[2],
        "search_two_over_one": whole[2],
        "bars": {"chain_four_over_one": 1.6, "tiles_two_over_one": 1.25},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
