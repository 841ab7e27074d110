"""Measure every stage on the miniature world: what each adds, and what its settings change, on the same scenes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov import recipe as recipes
from zeroov.bench.data.sample import mask_overlap
from zeroov.evolve import evolve
from zeroov.files.journal import Journal, read_items
from zeroov.ground import Pipeline, ground_pictures
from zeroov.look import Look
from zeroov.mini.expressions import FORMS, Expression, absent_expression, ask
from zeroov.mini.scenes import Scene, SceneObject, make_scene, seed_for
from zeroov.outputs.answer import Answer
from zeroov.progress import Progress
from zeroov.raster.scene import open_source
from zeroov.types import Bool, Box, Evolved
from zeroov.version import __version__

SCENES = 500
COSTLY = 100  # scenes for null-text optimisation, a hundred times dearer than one call of the UNet
PRESENT = tuple(form for form in FORMS if form != "absent")
SIZES = (0.01, 0.03)  # share of the scene that an object covers: small below the first, large above the second
CHUNK = 20  # scenes between two looks at the disk

NULLTEXT = {"focus.method": "nulltext", "focus.prompt": "{expression}"}
BIG = {"focus.resize_to": 512, "focus.grids": [64, 32]}
TWO = {"focus.grids": [32, 16]}
SCRAMBLED = {"focus.pooling": "flattened"}
POSITION = "overview.position"
ALL_PARTS = {"refine.least_part": 0.0}
OFFICIAL = SCRAMBLED | ALL_PARTS | {"evolve.official": True, "evolve.canvas": 800, "refine.inclusive_box": True}


@dataclass(frozen=True)
class Variant:
    """The recipe `mini` with some keys changed, on how many scenes at most it is measured, and beside which variant."""

    name: str
    about: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    scenes: int = SCENES
    beside: str = "mini"


VARIANTS = (
    Variant("mini", "as shipped: one UNet call on the clean latent, t = 100, grid 32"),
    Variant("all-parts", "all that SAM draws, stray blobs too, as published", ALL_PARTS),
    Variant("clean-20", "clean latent, t = 20", {"focus.t": 20}),
    Variant("clean-300", "clean latent, t = 300", {"focus.t": 300}),
    *(
        Variant(f"noise-{t}", f"noised latent, t = {t}", {"focus.clean": False, "focus.t": t})
        for t in (20, 50, 100, 300)
    ),
    Variant("prompted", "clean latent, the expression as prompt", {"focus.prompt": "{expression}"}),
    Variant("invert", "DDIM inversion, 20 steps", {"focus.method": "invert", "focus.prompt": "{expression}"}),
    Variant("two-grids", "grids 32 and 16, pooled in space", TWO),
    Variant("two-grids-scrambled", "grids 32 and 16, the official scramble", TWO | SCRAMBLED, beside="two-grids"),
    Variant(
        "two-grids-official", "grids 32 and 16, all habits of the official code", TWO | OFFICIAL, beside="two-grids"
    ),
    Variant("512", "512 pixels, grids 64 and 32, pooled in space", BIG),
    Variant("512-scrambled", "512 pixels, grids 64 and 32, the official scramble", BIG | SCRAMBLED, beside="512"),
    Variant(
        "512-official", "512 pixels, grids 64 and 32, all habits of the official code", BIG | OFFICIAL, beside="512"
    ),
    *(
        Variant(
            f"position-{strength}", f"words of place weigh the attention, strength {strength}", {POSITION: strength}
        )
        for strength in (1, 2, 4)
    ),
    Variant("pyramid", "Overview on the scene and on four windows of two thirds of it", {"overview.pyramid": [0.67]}),
    Variant("nulltext", "null-text inversion, grid 32 (recipe `paper`'s method)", NULLTEXT, COSTLY),
    Variant(
        "nulltext-official",
        "null-text, grids 32 and 16, all official habits",
        NULLTEXT | TWO | OFFICIAL,
        COSTLY,
        "nulltext",
    ),
)


@dataclass(frozen=True)
class Question:
    """A scene, an expression about it, and the object it means (`None`: it is not there)."""

    id: str
    scene: Scene
    expression: Expression

    @property
    def truth(self) -> SceneObject | None:
        """The object that is meant."""
        return None if self.expression.target is None else self.scene.objects[self.expression.target]


def questions(count: int) -> Iterator[Question]:
    """Yield one question with an answer and one without about each of the first `count` scenes of the test split.

    The forms of expression take turns; where none of the turn's form fits a scene, another form takes its place.
    """
    found = index = 0
    while found < count:
        seed = seed_for("test", index)
        scene, rng = make_scene(seed), np.random.default_rng([seed, 5])
        expression = ask(scene, rng, (PRESENT[found % len(PRESENT)],)) or ask(scene, rng, PRESENT)
        if expression:
            yield Question(f"{index}", scene, expression)
            yield Question(f"{index}-absent", scene, absent_expression(scene, rng))
            found += 1
        index += 1


def measure(folder: Path, variant: Variant, limit: int, device: str, progress: Progress) -> list[dict[str, Any]]:
    """Measure a variant on the first scenes; what is in its journal is not done again. Return one row a question."""
    recipe = recipes.load("mini").with_values({"said_absent": "keep", **variant.changes})  # every stage is measured
    count = min(limit, variant.scenes)
    wanted = [q for q in questions(count) if variant.name == "mini" or q.truth]  # absence concerns Overview alone
    with contextlib.ExitStack() as closing:
        pipeline = closing.enter_context(Pipeline(recipe, device))
        made_with = {"zeroov": __version__, "models": pipeline.models.identities(), **recipe.deciding()}
        journal = closing.enter_context(Journal(folder / f"{variant.name}.jsonl", made_with))
        todo = [question for question in wanted if question.id not in journal.done]
        progress.report(variant.name, len(wanted) - len(todo), len(wanted))
        for start in range(0, len(todo), CHUNK):
            chunk = todo[start : start + CHUNK]
            with contextlib.ExitStack() as opened:
                asked = [(opened.enter_context(open_source(each.scene.image)), each.expression.text) for each in chunk]
                answers = ground_pictures(pipeline, asked, rounds=recipe.zoom.rounds)
            boxed = answer_boxes(pipeline, [answer.looks[0] for answer in answers]) if variant.name == "mini" else []
            for position, (question, answer) in enumerate(zip(chunk, answers, strict=True)):
                journal.add(_row(question, answer, boxed[position] if boxed else None, recipe))
            progress.report(variant.name, len(wanted) - len(todo) + start + len(chunk), len(wanted))
    rows = {row["id"]: row for row in read_items(journal.path)}
    return [rows[question.id] for question in wanted]


def answer_boxes(pipeline: Pipeline, looks: Sequence[Look]) -> list[Look]:
    """Return the looks as a recipe without maps has them: the model's own box, given to SAM."""
    boxed = [replace(look, affinity=None, evolved=None, refined=None) for look in looks]
    return pipeline.refine(boxed, [look.coarse.box for look in boxed])


def _row(question: Question, answer: Answer, boxed: Look | None, recipe: recipes.Recipe) -> dict[str, Any]:
    """Return what is kept of a question: per reading, overlaps with the truth and whether it points at the object."""
    truth, (look,) = question.truth, answer.looks
    row: dict[str, Any] = {
        "id": question.id,
        "form": question.expression.form,
        "expression": question.expression.text,
        "answer": answer.words,
        "score": answer.score,
        "seconds": {name: cost.seconds for name, cost in look.costs.items()},
        "peak_bytes": {name: cost.peak_bytes for name, cost in look.costs.items()},
    }
    if truth is None:
        return row
    share = truth.area / truth.mask.size
    row["size"] = "small" if share < SIZES[0] else "medium" if share < SIZES[1] else "large"
    row["kind"] = truth.kind
    row["readings"] = {
        name: measured(mask, box, peak_xy, truth) for name, mask, box, peak_xy in readings(look, boxed, recipe)
    }
    return row


Reading = tuple[str, Bool, Box | None, tuple[float, float] | None]


def readings(look: Look, boxed: Look | None, recipe: recipes.Recipe) -> Iterator[Reading]:
    """Yield every answer that can be read off the stages: its name, mask, box, and where it points.

    A box points at its centre, a map at its highest cell. `boxed` is the look as `answer_boxes` has it.
    """
    if boxed:
        for name, (mask, box) in (("answer", boxed.coarse), ("answer+sam", boxed.drawn)):
            yield name, mask, box, _centre(box)
    if evolved := look.evolved:
        hw, grid = look.picture.hw, evolved.cross_on_grid
        alone = evolve(grid, None, hw, recipe.evolve, grid_hw=(grid.shape[0], grid.shape[1]), growing=False)
        yield "overview", alone.mask, alone.box, _peak(alone, hw)
        if look.affinity:
            fused = evolve(grid, look.affinity, hw, recipe.evolve, growing=False)
            yield "+focus", fused.mask, fused.box, _peak(fused, hw)
        yield "+evolve", evolved.mask, evolved.box, _peak(evolved, hw)
    if "refine" in recipe.stages:
        mask, box = look.drawn
        yield "+sam", mask, box, _centre(box)


def _centre(box: Box | None) -> tuple[float, float] | None:
    return ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) if box else None


def _peak(evolved: Evolved, hw: tuple[int, int]) -> tuple[float, float]:
    return frames.peak_xy(evolved.fused, evolved.region, hw)


def measured(
    mask: Bool, box: Box | None, peak_xy: tuple[float, float] | None, truth: SceneObject
) -> dict[str, float | bool]:
    """Return a reading's overlaps with the truth, and whether it points into the object's box."""
    shared, union = mask_overlap(mask, truth.mask)
    true_box = Box(*map(float, truth.box_xyxy))
    points = False
    if peak_xy:
        x, y = peak_xy
        points = true_box.x0 <= x < true_box.x1 and true_box.y0 <= y < true_box.y1
    return {
        "box_iou": frames.box_iou(box, true_box) if box else 0.0,
        "shared": shared,
        "union": union,
        "points": points,
    }


def column(rows: Sequence[Mapping[str, Any]], reading: str, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return one figure of a reading for every row that has a truth: box_iou, mask_iou, shared, union or points."""
    readings = [row["readings"][reading] for row in rows if "readings" in row]
    if name == "mask_iou":
        return np.array([r["shared"] / r["union"] for r in readings], dtype=np.float64)
    return np.array([r[name] for r in readings], dtype=np.float64)
