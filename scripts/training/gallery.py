"""Draw the gallery, panels of chosen test scenes: `python -m scripts.training.gallery docs/gallery`."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image

import zeroov
from zeroov.bench.mini.measure import questions
from zeroov.show.panel import draw_panel

CHOSEN = {
    "19": "A small object, by its colour.",
    "62": "By its size, among others of its kind.",
    "482": "By its place in the picture.",
    "130": "By its relation to another object.",
    "2": "The same, a large one.",
    "11": "A superlative.",
    "31": "Evolve cuts the middle alone; SAM completes it.",
    "366": "The language model's own box takes a plane; its attention is highest on the vehicle: the chain finds it.",
    "265": "Bad: seeds on the right stadium, but the fused map is high on the largest alone; no path joins them.",
    "167": "Bad: the language model itself takes the wrong one of six white ships.",
    "83": "Bad: the other white tank attracts attention too; given the box of both, SAM draws even part of a third.",
    "61-absent": "Bad: nothing of the kind is there, and the model names the next best thing.",
}
WIDTH = 1200


def main() -> None:
    """Ground the chosen questions and write one JPEG each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    asked = {question.id: question for question in questions(500) if question.id in CHOSEN}
    with zeroov.load("mini", device="cpu") as pipeline:
        for number, (name, caption) in enumerate(CHOSEN.items(), start=1):
            question = asked[name]
            answer = pipeline.ground(question.scene.image, question.expression.text)
            panel = Image.open(io.BytesIO(draw_panel(answer))).convert("RGB")
            panel = panel.resize((WIDTH, round(panel.height * WIDTH / panel.width)), Image.Resampling.LANCZOS)
            panel.save(args.folder / f"{number:02}.jpg", quality=82)
            print(f"### {question.expression.text}\n\n{caption}\n\n![scene {name}](gallery/{number:02}.jpg)\n")


if __name__ == "__main__":
    main()
