"""The stages in the order of the paper's figure, over many questions at once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from zeroov import hardware
from zeroov.dumps import DumpStore
from zeroov.dumps import values as dumped
from zeroov.language.phrase import parse
from zeroov.look import Cost, Look, Question, Searched, Stage
from zeroov.overview.answer import says_absent
from zeroov.pipeline.asking import boxes_by_source
from zeroov.pipeline.attention import Scale, attention_map, evolve_as
from zeroov.pipeline.cache import Made, fill, header
from zeroov.pipeline.drawn_scenes import DrawnScenes
from zeroov.pipeline.kept import Kept
from zeroov.pipeline.maps import focus_work, overview_work
from zeroov.pipeline.models import REMEDY, LoadedModels, log
from zeroov.pipeline.select import kind_of, others_of, select
from zeroov.pipeline.talking import served_name
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe
from zeroov.spans import span
from zeroov.types import Affinity, Bool, Box, Boxes, Evolved, Overview, Picture, Refined
from zeroov.zoom.pyramid import scale_questions

if TYPE_CHECKING:
    from zeroov.overview.prefix import Prefix
    from zeroov.refine.segmenter import EncodedPicture, Point

Method = TypeVar("Method", bound=Callable[..., Any])


def in_turn(method: Method) -> Method:
    """Let threads take turns at a method of `Stages`."""

    @functools.wraps(method)
    def waiting(self: Stages, *args: Any, **options: Any) -> Any:
        with self.turn:
            return method(self, *args, **options)

    return cast("Method", waiting)


class Stages:
    """A recipe on a device. Models are loaded when a stage first needs them; `close` frees them.

    Threads may share it: they take turns, look by look, and get the answers that one thread gets. Between two calls it
    holds nothing that changes an answer.
    """

    def __init__(
        self, recipe: Recipe, device: str = "auto", dumps_folder: str | Path | None = None, *, keep_evolved: bool = True
    ):
        """With a folder of dumps every stage's maps are kept there; `keep_evolved` = false leaves out Evolve's."""
        self.recipe = recipe
        self.device = hardware.pick_device(device)
        self.models = LoadedModels(recipe, self.device)
        self.store = DumpStore(dumps_folder) if dumps_folder is not None else None
        self.turn = threading.RLock()
        self._keep_evolved = keep_evolved
        self.kept = Kept(recipe.runtime.keep_mib * 2**20)
        self._names: dict[str, str] = {}
        self.asked: dict[str, Made[Any]] = {}
        """The answers to the questions of one call of `select`, by their keys; empty between two calls."""
        self._drawn_scenes = DrawnScenes(recipe.overview.model)

    @in_turn
    def warm_up(self) -> None:
        """Load the models now: an error of one shows here, and the first question does not wait.

        All are located before the first is loaded. Threads may call it, and ask meanwhile. With `runtime.keep_loaded`
        = false, where one model is in memory at a time, each is loaded once, and the last one stays.
        """
        self.models.locate_all()
        self.models.load_all()

    @in_turn
    def close(self) -> None:
        """Free the models."""
        self.kept.clear()
        self.models.drop_all()

    @in_turn
    def forget(self) -> None:
        """Keep nothing more of the pictures: for whoever knows that none of them comes again."""
        self.kept.clear()

    @property
    def provenance(self) -> dict[str, str]:
        """What every answer says of how it was made."""
        located = self.models.locate("overview")
        about = {"recipe": self.recipe.name, "recipe_digest": self.recipe.digest}
        about |= {"model": located.reference, "model_revision": located.revision}
        return about | self.recipe.overview.served

    @in_turn
    def look(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Look]:
        """Look once at each question's picture: Overview, Focus, Evolve."""
        self.models.locate_all()  # an error for a model that is missing, before the first one works
        for question in questions:
            if question.near is None:
                self._drawn_scenes.warn_of_others(question.picture)
        parts = [scale_questions(question, self.recipe.overview.pyramid) for question in questions]
        # Overview: where does the language look?
        overviews = iter(self.overview([*questions, *chain(*parts)], progress))
        firsts = [next(overviews) for _ in questions]
        scales = [[(part, next(overviews).value) for part in own] for own in parts]
        looks = [self._with_overview(*each) for each in zip(questions, firsts, scales, strict=True)]
        progress.made("overview", looks)
        affinities = self.focus(questions, progress)  # Focus: which cells belong together?
        looks = [self._with_focus(*each) for each in zip(looks, affinities, strict=True)]
        progress.made("focus", looks)
        progress.report("evolve", 0, len(questions))
        looks = [self._with_evolve(look) for look in looks]  # Evolve
        progress.report("evolve", len(questions), len(questions))
        progress.made("evolve", looks)
        return looks

    @in_turn
    def glance(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Look]:
        """Look once at each question's picture with Overview alone."""
        return [
            self._with_overview(each, made, [])
            for each, made in zip(questions, self.overview(questions, progress), strict=True)
        ]

    @in_turn
    def overview(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Made[Overview]]:
        """Return where the language model looks while it answers each question."""
        return fill(overview_work(self), questions, self.store, self.models, self.kept, progress)

    def read(self, pictures: Sequence[Picture], last_layer: int | None = None) -> list[Prefix]:
        """Return each picture as the language model has read it, up to a layer where later ones are not needed."""
        from zeroov.overview.prefix import read_picture

        model, recipe = self.models.overview(), self.recipe.overview
        read: dict[str, Prefix] = {}
        for picture in pictures:
            if picture.digest not in read:
                read[picture.digest] = self.kept.get(
                    ("prefix", picture.digest, last_layer),
                    functools.partial(read_picture, model, picture, recipe, last_layer),
                    lambda prefix: prefix.bytes,
                )
        return [read[picture.digest] for picture in pictures]

    @in_turn
    def focus(self, questions: Sequence[Question], progress: Progress = SILENT) -> Sequence[Made[Affinity] | None]:
        """Return which cells of each picture belong together; `None` in a recipe without Focus."""
        if "focus" not in self.recipe.stages:
            return [None] * len(questions)
        return fill(focus_work(self, progress), questions, self.store, self.models, self.kept, progress)

    @in_turn
    def kinds(self, expression: str) -> tuple[str, ...]:
        """Return the kind of thing that an expression means, as it is listed, and those of its other objects."""
        phrase = parse(expression)
        return kind_of(self, expression), *dict.fromkeys(anchor.category for _, _, anchor in others_of(phrase))

    @in_turn
    def listed(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[dict[str, Boxes]]:
        """Return what each source that lists sees of each question's kind, its expression, in its whole picture."""
        try:
            return boxes_by_source(self, questions, progress, sliced=False)
        finally:
            self.asked = {}

    @in_turn
    def select(
        self, looks: Sequence[Look], progress: Progress = SILENT, searched: Sequence[Searched] = ()
    ) -> list[Look]:
        """Name the objects that may be meant in each look, and choose; a recipe without Select leaves it as it is.

        Where scenes were searched the looks are those at their wholes, and the candidates what their tiles showed.
        """
        if "select" not in self.recipe.stages or not looks:
            return list(looks)
        try:
            with span("select"):
                chosen = select(self, looks, progress, searched)
            spent = [made.cost for made in self.asked.values()]
        finally:
            self.asked = {}
        cost = Cost(
            sum(each.seconds for each in spent) / len(looks),
            max((each.peak_bytes for each in spent if each.peak_bytes is not None), default=None),
            sum(each.load_seconds for each in spent),
            "dump" if spent and all(each.origin == "dump" for each in spent) else "computed",
        )
        looks = [replace(look, costs={**look.costs, "select": cost}) for look in chosen]
        progress.made("select", looks)
        return looks

    @in_turn
    def refine(self, looks: Sequence[Look], boxes: Sequence[Box | None], progress: Progress = SILENT) -> list[Look]:
        """Draw the object in each look's box, in pixels of its picture; a box of `None` leaves the look as it is."""
        if "refine" not in self.recipe.stages:
            return list(looks)
        drawn: list[Look] = []
        progress.report("refine", 0, len(looks))
        for look, box in zip(looks, boxes, strict=True):
            if box:  # nothing to draw loads no model
                text = self._kind_in(look) if self.recipe.refine.by_text else ""
                alone = box != look.coarse.box
                refined, cost = self.draw(look.picture, box, look.evolved, alone=alone, text=text, progress=progress)
                costs: dict[Stage, Cost] = {**look.costs, "refine": cost}
                look = replace(look, refined=refined, costs=costs)
            drawn.append(look)
            progress.report("refine", len(drawn), len(looks))
        progress.made("refine", drawn)
        return drawn

    @in_turn
    def name(self, expression: str) -> str:
        """Return the kind of thing that an expression names, by rules or in the language model's words; "" for none."""
        if self.recipe.zoom.ask == "model":
            from zeroov.overview.name import name_category

            if expression not in self._names:
                model = self.models.overview()
                if self.recipe.overview.served_model:
                    self._names[expression] = served_name(self, expression)
                else:
                    with hardware.memory_guard("overview", REMEDY):
                        self._names[expression] = name_category(model, expression) or ""
                if not self._names[expression]:
                    log.warning('the model named no category for "%s"; it is taken by rules', expression)
            if self._names[expression]:
                return self._names[expression]
        phrase = parse(expression)
        return phrase.category if phrase.named else ""

    def _kind_in(self, look: Look) -> str:
        """Return the kind of thing that a look is about, as it was listed where it was."""
        return look.selection.pool.kind if look.selection else kind_of(self, look.question.expression)

    def _with_overview(self, question: Question, overview: Made[Overview], scales: Sequence[Scale]) -> Look:
        """Return a look that Overview alone has made."""
        return Look(
            question=question,
            overview=overview.value,
            says_absent=says_absent(overview.value.answer),
            attention=attention_map(question, overview.value, scales, self.recipe),
            costs={"overview": overview.cost},
            keys={"overview": overview.key},
        )

    def _with_focus(self, look: Look, affinity: Made[Affinity] | None) -> Look:
        """Return a look with what Focus says of its picture."""
        if affinity is None:
            return look
        costs: dict[Stage, Cost] = {**look.costs, "focus": affinity.cost}
        return replace(look, affinity=affinity.value, costs=costs, keys={**look.keys, "focus": affinity.key})

    def _with_evolve(self, look: Look) -> Look:
        """Return a finished look: fuse, grow and cut, in a recipe that has maps."""
        if not {"focus", "evolve"} & set(self.recipe.stages):
            return look
        question = look.question
        with span("evolve"), hardware.metered(self.device) as meter:
            evolved = evolve_as(self.recipe, look.attention, look.affinity, question.picture.hw)
        costs: dict[Stage, Cost] = {**look.costs, "evolve": Cost(meter.seconds, meter.peak_bytes)}
        if self.store and self._keep_evolved and not question.near:  # a closer look's depends on the look before it
            overview_key, focus_key = look.keys["overview"], look.keys.get("focus", "")
            dumped.write_evolved(self.store, header(question), self.recipe, overview_key, focus_key, evolved)
        return replace(look, evolved=evolved, costs=costs)

    @in_turn
    def draw(
        self,
        picture: Picture,
        box: Box,
        evolved: Evolved | None = None,
        *,
        alone: bool = False,
        text: str = "",
        progress: Progress = SILENT,
    ) -> tuple[Refined, Cost]:
        """Draw the object in a box (pixels of the picture) with Segment Anything, with what the recipe adds to the box.

        With `alone` the box is all that Segment Anything gets, but for `text`, its kind, where the recipe asks by it.
        """
        from zeroov.refine.draw import refine

        load_seconds = self.models.load("refine", progress)
        segmenter = self.models.refine()
        recipe = self.recipe.refine
        if alone and not recipe.by_text:
            recipe = replace(recipe, prompt="box")
        with span("refine"), hardware.memory_guard("refine", REMEDY), hardware.metered(self.device) as meter:
            refined = refine(segmenter, self._encode(picture), box, recipe, evolved, picture.valid, text)
        if refined.box is None and not alone:
            log.warning("SAM drew nothing in the box; what was known before Refine is kept")
        return refined, Cost(meter.seconds, meter.peak_bytes, load_seconds)

    @in_turn
    def draw_at(
        self, picture: Picture, points: Sequence[Point], box: Box | None = None, before: Bool | None = None
    ) -> Refined:
        """Draw the object at points, which are on it or say what is not, with Segment Anything.

        All is in pixels of the picture. A `box` around it and the mask `before`, which the points change, are optional.
        """
        from zeroov.refine.draw import refine_at

        segmenter = self.models.refine()
        with hardware.memory_guard("refine", REMEDY):
            return refine_at(segmenter, self._encode(picture), points, self.recipe.refine, picture.valid, box, before)

    def _encode(self, picture: Picture) -> EncodedPicture:
        """Return a picture as Segment Anything's decoder takes it."""
        make = functools.partial(self.models.refine().encode, picture)
        return self.kept.get(("encoded", picture.digest), make, lambda encoded: encoded.bytes)
