"""Turn train scenes into batches: pictures, what each image token shows, questions with their answers."""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, Full

import cv2
import numpy as np
import numpy.typing as npt
from transformers import Qwen2Tokenizer

from scripts.training.vlm.tokens import NUMBERS
from scripts.training.vlm.turns import SPAN, Int, TurnWriter, said
from scripts.training.vlm.views import HARD_LISTED, LISTED, PLAIN, View, Views, cut, draw
from zeroov.mini.expressions import SYNONYMS, Expression, Form, absent_expression, ask
from zeroov.mini.hard import hard_question
from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import Scene, SceneStyle, Split, make_scene, seed_for

CELL = 28
LIST_SPAN, BOX_SPAN = 24, 10
"""Tokens of a turn that asks for every object of a kind: so many, and so many for each object of the view."""
LISTS = 2
"""Such turns for each picture."""
HARD_SPAN = 76
"""Tokens of a turn with an expression of the hard split, whose words may be many tokens each."""
HARD_TURNS = 3
"""The expression of the hard split, and so many less one of the plain world, for each picture."""
SCENES_A_STEP = 64
"""Scene numbers set aside for each step, so that a step's scenes do not hang on the steps before."""


@dataclass(frozen=True)
class Plan:
    """What a batch is made of; the curriculum hands out one per step."""

    images: int
    turns: int
    objects: tuple[int, int] = (2, 6)
    forms: tuple[tuple[Form, float], ...] = ()
    varied: float = 0.2
    """Share of scenes drawn at another scale than the test's."""
    views: Views = PLAIN
    lists: float = 0.0
    """Share of steps that ask for every object of a kind, in the views `LISTED`."""
    hard: float = 0.0
    """Share of steps on scenes of the hard split, each with the expression for which it was placed."""
    hard_lists: float = 0.0
    """Share of the steps with lists whose scenes are the hard split's, whole or a window of them."""

    def images_at(self, view: View | None) -> int:
        """Return how many pictures of a view cost about what `images` plain ones do."""
        return self.images if view is None else round(self.images * 96 / (view.hw[0] * view.hw[1] // CELL**2 + 32))


@dataclass(frozen=True)
class Batch:
    """B scenes and K turns each; -1 marks what is not to be learned."""

    images: npt.NDArray[np.uint8]
    kind: Int
    colour: Int
    large: Int
    box: Int
    """(B, cells, 4) whole pixels; kind 0 is 'nothing', -1 'unclear'."""
    ids: Int
    labels: Int
    """(B, K, SPAN): the next token, -1 outside the answer."""
    said_kind: Int
    said_colour: Int
    """(B, K): what the expression calls its object, as kind + 1 and colour; colour -1 if it names none."""
    form: list[list[Form]]
    target_xyxy: Int
    """(B, K, 4), -1 for absent."""


def dense_targets(scene: Scene) -> tuple[Int, Int, Int, Int]:
    """Say for each 28-px cell what it shows: kind + 1, colour, large and box; kind 0 for nothing, -1 for unclear.

    An object owns the cells whose middle lies in its box and that it covers in part, and in any case the cell that it
    covers most; the cells at its rim are not its own, so that what looks for the object looks at its middle.
    """
    height, width = scene.height_width
    rows, columns = height // CELL, width // CELL
    kind, colour = np.zeros(rows * columns, np.int64), np.full(rows * columns, -1, np.int64)
    large, box = colour.copy(), np.full((rows * columns, 4), -1, np.int64)
    names, colours = list(KINDS), list(COLOURS)
    x, y = np.tile(np.arange(columns) + 0.5, rows) * CELL, np.repeat(np.arange(rows) + 0.5, columns) * CELL
    most = np.zeros(rows * columns)
    for thing in scene.objects:
        cover = cv2.resize(thing.mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA).ravel()
        x0, y0, x1, y1 = thing.box_xyxy
        own = (cover >= 0.12) & (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        kind[(cover >= 0.3) & ~own & (kind == 0)] = -1
        own[int(cover.argmax())] = True
        own &= cover > most
        most[own] = cover[own]
        kind[own], colour[own] = names.index(thing.kind) + 1, colours.index(thing.colour)
        large[own], box[own] = int(thing.large), thing.box_xyxy
    return kind, colour, large, box


def _style(plan: Plan, rng: np.random.Generator) -> SceneStyle:
    if rng.random() < plan.varied:
        scale = float(np.exp(rng.uniform(np.log(0.75), np.log(2.2))))
        most = plan.objects[1] if scale < 1.3 else 2
        return SceneStyle(objects=(1, max(most, 1)), scale=scale)
    return SceneStyle(objects=plan.objects)


def _question(scene: Scene, plan: Plan, rng: np.random.Generator) -> Expression:
    forms = [form for form, _ in plan.forms]
    weights = np.array([weight for _, weight in plan.forms])
    if not scene.objects:
        colour, kind = rng.choice(list(COLOURS)), rng.choice(list(KINDS))
        return Expression(f"the {kind}" if rng.random() < 0.5 else f"the {colour} {kind}", "absent", None)
    for _ in range(4):
        asked = ask(scene, rng, (forms[int(rng.choice(len(forms), p=weights / weights.sum()))],))
        if asked:
            return asked
    return ask(scene, rng, tuple(forms)) or absent_expression(scene, rng)


@dataclass
class _Drawn:
    """What a batch is made of, picture by picture."""

    scenes: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    dense: list[tuple[Int, Int, Int, Int]] = field(default_factory=list)
    turns: list[list[tuple[Int, ...]]] = field(default_factory=list)
    """Ids, labels and, of questions about one object, its box."""
    named: list[list[tuple[int, int]]] = field(default_factory=list)
    forms: list[list[Form]] = field(default_factory=list)

    def add(self, scene: Scene, turns: list[tuple[Int, ...]], named: list[tuple[int, int]], forms: list[Form]) -> None:
        """Add a picture with its turns, the kind and colour that each names, and its form."""
        self.scenes.append(scene.image)
        self.dense.append(dense_targets(scene))
        self.turns.append(turns)
        self.named.append(named)
        self.forms.append(forms)

    def batch(self) -> Batch:
        """Return the batch; a picture without turns has none in it."""
        images = len(self.scenes)
        kind, colour, large, box = (np.stack(part) for part in zip(*self.dense, strict=True))
        names = np.array(self.named, np.int64).reshape(images, -1, 2)

        def stacked(part: int, empty: tuple[int, ...]) -> Int:
            if not self.turns[0] or part >= len(self.turns[0][0]):
                return np.zeros((images, 0, *empty), np.int64)
            return np.stack([np.stack([turn[part] for turn in turns]) for turns in self.turns])

        return Batch(
            images=np.stack(self.scenes),
            kind=kind,
            colour=colour,
            large=large,
            box=np.minimum(box, NUMBERS - 1),
            ids=stacked(0, (SPAN,)),
            labels=stacked(1, (SPAN,)),
            said_kind=names[..., 0],
            said_colour=names[..., 1],
            form=self.forms,
            target_xyxy=stacked(2, (4,)),
        )


def _listed(scene: Scene, rng: np.random.Generator) -> tuple[str, int, int, list[tuple[int, ...]]]:
    """Draw a kind, at times with a colour: the words for it, its number, its colour's (or -1), and its boxes."""
    there = sorted({thing.kind for thing in scene.objects})
    absent = not there or rng.random() < 0.12
    kind = str(rng.choice(list(KINDS))) if absent else str(rng.choice(there))
    word = SYNONYMS.get(kind, kind) if rng.random() < 0.125 else kind
    fitting = [thing for thing in scene.objects if thing.kind == kind]
    colour = str(rng.choice([thing.colour for thing in fitting] or list(COLOURS))) if rng.random() < 0.15 else None
    boxes: list[tuple[int, ...]] = [thing.box_xyxy for thing in fitting if colour in (None, thing.colour)]
    number = list(COLOURS).index(colour) if colour else -1
    return (f"{colour} {word}" if colour else word), list(KINDS).index(kind) + 1, number, boxes


def list_batch(writer: TurnWriter, view: View, split: Split, first: int, images: int, *, hard: bool = False) -> Batch:
    """Make a batch that asks for every object of a kind, in scenes of a view or in the hard split's."""
    span, drawn = LIST_SPAN + BOX_SPAN * view.objects[1], _Drawn()
    for index in range(first, first + images):
        seed = seed_for(split, index)
        rng = np.random.default_rng([seed, 13])
        scene = cut(hard_question(split, index).scene, view.hw, rng) if hard else draw(seed, view, rng)
        turns: list[tuple[Int, ...]] = []
        named: list[tuple[int, int]] = []
        while len(turns) < LISTS:
            name, kind, colour, boxes = _listed(scene, rng)
            turn = writer.write_list(name, boxes, span)
            if turn is not None:
                turns.append(turn)
                named.append((kind, colour))
        drawn.add(scene, turns, named, [])
    return drawn.batch()


def hard_batch(writer: TurnWriter, plan: Plan, split: Split, first: int, images: int) -> Batch:
    """Make a batch of the hard split's scenes, each with its own expression and plain ones."""
    index, drawn = first, _Drawn()
    while len(drawn.scenes) < images:
        asked = hard_question(split, index)
        index += 1
        turn = writer.write(asked.text, asked.box_xyxy, HARD_SPAN)
        if turn is None:
            continue
        rng = np.random.default_rng([asked.scene.seed, 23])
        turns, named, forms = _plain_turns(writer, asked.scene, plan, rng, HARD_TURNS - 1, HARD_SPAN)
        own: Form = "absent" if asked.absent else "relation"
        drawn.add(asked.scene, [turn, *turns], [(_kind_number(asked.kind), -1), *named], [own, *forms])
    return drawn.batch()


def _plain_turns(
    writer: TurnWriter, scene: Scene, plan: Plan, rng: np.random.Generator, number: int, span: int
) -> tuple[list[tuple[Int, ...]], list[tuple[int, int]], list[Form]]:
    """Return so many turns of the plain world's questions, what each names, and its form."""
    turns: list[tuple[Int, ...]] = []
    named: list[tuple[int, int]] = []
    forms: list[Form] = []
    while len(turns) < number:
        asked = _question(scene, plan, rng)
        box = None if asked.target is None else scene.objects[asked.target].box_xyxy
        turn = writer.write(asked.text, box, span)
        if turn is not None:
            turns.append(turn)
            named.append(said(asked.text))
            forms.append(asked.form)
    return turns, named, forms


def _kind_number(name: str) -> int:
    """Return the number of a kind, from 1, of whose name others may say a size: "small vehicle"."""
    return next(number for number, kind in enumerate(KINDS, start=1) if name.endswith(kind))


def _drawn_from(views: Views, rng: np.random.Generator) -> View | None:
    return views[int(rng.choice(len(views), p=[share for share, _ in views]))][1]


def make_batch(writer: TurnWriter, plan: Plan, split: Split, first: int) -> Batch:
    """Make the batch of a split's scenes from `first` on, all in one of the plan's views."""
    rng = np.random.default_rng([seed_for(split, first), 11])
    kind_of_step = rng.random() if plan.lists or plan.hard else 1.0  # other courses draw as they always did
    listing = kind_of_step < plan.lists
    if plan.lists <= kind_of_step < plan.lists + plan.hard:
        return hard_batch(writer, plan, split, first, max(2, plan.images // 2))
    hard_listing = listing and rng.random() < plan.hard_lists if plan.hard_lists else False
    view = _drawn_from(HARD_LISTED if hard_listing else LISTED if listing else plan.views, rng)
    if listing and view:
        return list_batch(writer, view, split, first, max(2, plan.images_at(view)), hard=hard_listing)
    drawn = _Drawn()
    for index in range(first, first + plan.images_at(view)):
        seed = seed_for(split, index)
        rng = np.random.default_rng([seed, 7])
        plain = _style(plan, rng) if split == "train" and not view else None
        scene = draw(seed, view, rng) if view else make_scene(seed, plain)
        drawn.add(scene, *_plain_turns(writer, scene, plan, rng, plan.turns, SPAN))
    return drawn.batch()


def batch_at(writer: TurnWriter, plans: list[tuple[int, Plan]], step: int) -> Batch:
    """Make the batch of one step; `plans` names the step from which each plan holds."""
    plan = [plan for start, plan in plans if start <= step][-1]
    return make_batch(writer, plan, "train", step * SCENES_A_STEP)


def _work(
    queue: mp.Queue[Batch], tokenizer: Qwen2Tokenizer, plans: list[tuple[int, Plan]], step: int, stride: int
) -> None:
    """Fill a queue with the batches of every n-th step."""
    cv2.setNumThreads(1)
    writer = TurnWriter(tokenizer)
    parent = os.getppid()
    while os.getppid() == parent:
        batch = batch_at(writer, plans, step)
        while os.getppid() == parent:  # a killed trainer must not leave its workers waiting for ever
            with contextlib.suppress(Full):
                queue.put(batch, timeout=5)
                break
        step += stride
    queue.cancel_join_thread()


class BatchStream:
    """Batches for steps `start`, `start` + 1, ..., made by any number of worker processes, 0 for none."""

    def __init__(self, tokenizer: Qwen2Tokenizer, plans: list[tuple[int, Plan]], start: int, workers: int = 1) -> None:
        self._tokenizer, self._plans, self._start = tokenizer, plans, start
        context = mp.get_context("spawn")  # a fork inherits the locks of torch's and OpenCV's threads, not the threads
        self._queues: list[mp.Queue[Batch]] = [context.Queue(4) for _ in range(workers)]
        self._workers = [
            context.Process(target=_work, args=(queue, tokenizer, plans, start + i, workers), daemon=True)
            for i, queue in enumerate(self._queues)
        ]
        for worker in self._workers:
            worker.start()
        self._next = 0

    def __iter__(self) -> Iterator[Batch]:
        if not self._queues:
            writer = TurnWriter(self._tokenizer)
            yield from (batch_at(writer, self._plans, step) for step in count(self._start))
        while True:
            yield self._take(self._next % len(self._queues))
            self._next += 1

    def _take(self, worker: int) -> Batch:
        """Wait for a worker's next batch; an error where it has ended."""
        while True:
            try:
                return self._queues[worker].get(timeout=20)
            except Empty:
                if not self._workers[worker].is_alive():
                    raise RuntimeError("a process that draws scenes has ended; its error stands above") from None

    def close(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            worker.terminate()
