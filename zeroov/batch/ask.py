"""Ask the models about images: the next ones are decoded meanwhile, and several small ones are asked in one call."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.images import Asked
from zeroov.batch.items import failed_item, item_of
from zeroov.batch.write import Output, warn_of_refusals
from zeroov.errors import Failed, HardwareError, attempt
from zeroov.frames import HW
from zeroov.ground import Pipeline, ground_pictures, is_large
from zeroov.outputs.decide import UNDECIDED
from zeroov.outputs.found import SceneInfo
from zeroov.pipeline.models import MODEL_STAGES, NeedsModel
from zeroov.progress import Progress
from zeroov.raster import web
from zeroov.raster.ahead import Ahead, whole
from zeroov.raster.decode import header_hw
from zeroov.raster.scene import Scene, open_source
from zeroov.search.area import Aoi

log = logging.getLogger("zeroov")
CALLS = 16  # calls of a model among whose images those of one size are put together

Items = list[dict[str, Any]]
Texts = Mapping[Asked, Sequence[str]]


@dataclass(frozen=True)
class AskOptions:
    """How images are asked, besides the recipe; the names are those of `ground`."""

    every: bool = False
    search: bool | None = None
    bands: tuple[int, ...] | None = None
    aoi: Aoi | None = None


class Asker:
    """Asks images in turn; where a call of a model takes more questions than an image has, several small ones at once.

    What is searched, or looked at in part, is asked alone, and opened when it is its turn.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        writers: Mapping[str, Output],
        options: AskOptions,
        progress: Progress,
    ):
        self._pipeline, self._writers, self._options, self._progress = pipeline, writers, options, progress
        self._in_one_look = not (options.every or options.search or options.aoi is not None)
        self._hws: dict[Asked, HW | None] = {}

    def ask(self, todo: Texts) -> Generator[tuple[Items, object], None, None]:
        """Yield the items of each image's expressions, and what was returned or how it failed; close it."""
        groups = self._groups(todo)
        with Ahead(self._open, self._progress) as ahead:
            for number, group in enumerate(groups):
                ahead.hold([each.image for part in groups[number : number + 2] for each in part if self._hw(each)])
                yield from self._group(ahead, group, todo)
                self._pipeline.forget()

    def _groups(self, todo: Texts) -> list[list[Asked]]:
        """Return the images that are asked in one call; images of one size follow one another."""
        batch, images = self._pipeline.recipe.runtime.batch, list(todo)
        if batch == 1 or not self._in_one_look:
            return [[each] for each in images]
        groups: list[list[Asked]] = []
        for start in range(0, len(images), CALLS * batch):
            chunk = images[start : start + CALLS * batch]
            small = {each: hw for each in chunk if (hw := self._hw(each))}
            groups += [[each] for each in chunk if each not in small]
            room = 0
            for each in sorted(small, key=lambda one: (small[one][0] * small[one][1], small[one])):
                if len(todo[each]) > room:
                    groups.append([])
                    room = batch
                groups[-1].append(each)
                room -= len(todo[each])
        return groups

    def _hw(self, asked: Asked) -> HW | None:
        """Return the size of an image that gets one look at the whole; `None` of any other, and where it is unknown."""
        if not self._in_one_look:
            return None
        if asked not in self._hws:
            hw = None if web.is_address(asked.image) else header_hw(Path(asked.image))
            self._hws[asked] = None if hw is None or is_large(hw, self._pipeline.recipe.search) else hw
        return self._hws[asked]

    def _group(self, ahead: Ahead[str], group: Sequence[Asked], todo: Texts) -> Iterator[tuple[Items, object]]:
        if len(group) > 1:
            together = attempt(partial(self._together, ahead, group, todo))
            if not isinstance(together, Failed):
                for items in together:
                    yield items, items
                return
        for each in group:  # an odd one costs itself alone
            outcome = attempt(partial(self._alone, ahead, each, todo[each]))
            yield self._failed(each, todo[each], outcome) if isinstance(outcome, Failed) else outcome, outcome

    def _together(self, ahead: Ahead[str], group: Sequence[Asked], todo: Texts) -> list[Items]:
        scenes = {each: ahead.get(each.image) for each in group}
        infos = {each: SceneInfo.of(scene) for each, scene in scenes.items()}
        asked = [(scenes[each], text) for each in group for text in todo[each]]
        recipe = self._pipeline.recipe.with_values(UNDECIDED)
        rounds = recipe.zoom.rounds
        answers = iter(ground_pictures(self._pipeline, asked, recipe, rounds=rounds, progress=self._progress))
        for info in infos.values():
            warn_of_refusals(info, self._writers)
        return [[item_of(each, infos[each], next(answers)) for _ in todo[each]] for each in group]

    def _alone(self, ahead: Ahead[str], asked: Asked, expressions: Sequence[str]) -> Items:
        with contextlib.ExitStack() as opened:
            if self._hw(asked):
                scene = ahead.get(asked.image)
            else:
                scene = opened.enter_context(open_source(asked.image, self._options.bands, progress=self._progress))
            info = SceneInfo.of(scene)
            warn_of_refusals(info, self._writers)
            answers = self._pipeline.ground(
                scene,
                list(expressions),
                every=self._options.every,
                search=self._options.search,
                aoi=self._options.aoi,
                undecided=True,
                progress=self._progress,
            )
        return [item_of(asked, info, answer) for answer in answers]

    def _failed(self, asked: Asked, expressions: Sequence[str], failed: Failed) -> Items:
        """Return the items of an image that failed; that a model does not fit into memory is no image's fault."""
        if isinstance(failed.error, HardwareError) and not any(map(self._pipeline.models.holds, MODEL_STAGES)):
            raise failed.error
        if not isinstance(failed.error, NeedsModel):  # that is no failure: others go on with it
            log.warning("%s: %s", asked.name, failed.reason)
        return [failed_item(asked, text, failed.reason) for text in expressions]

    def _open(self, image: str, progress: Progress) -> Scene:
        return whole(open_source(image, self._options.bands, progress=progress))
