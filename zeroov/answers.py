"""Answers, made of what the stages and the searches came to: cut to valid pixels, in pixels of the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from zeroov import frames
from zeroov.look import Look, Outline
from zeroov.outputs.answer import Answer, Closer
from zeroov.outputs.decide import decide
from zeroov.outputs.found import SceneInfo, found_of
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.search.search import Sought
from zeroov.zoom.closer import Trail
from zeroov.zoom.merge import merged_box

SHOWN = 1600  # longer side of the picture that is shown of a searched scene
NOBODY = "nobody named a candidate"
INVALID = "most of what was found lies on invalid pixels"


def picture_answer(
    scene: Scene,
    text: str,
    first: Look,
    trail: Trail,
    drawn: Look,
    others: Sequence[Outline],
    recipe: Recipe,
    provenance: Mapping[str, str],
) -> Answer:
    """Return the answer of one look at a picture and of the closer looks that followed, with the `others` of a group.

    It is cut to the valid pixels. One that scores below the recipe's `min_score` is empty, and so is one whose words
    say that the object is not there, unless the recipe keeps it; its score stays.
    """
    outline = drawn.drawn
    scores = [drawn.score(outline.box)] * 2
    box = frames.to_scene(outline.box, drawn.picture) if outline.box else None
    if trail.best:
        scores[0] = first.score(first.coarse.box)
        if box and first.coarse.box:
            box = merged_box(first.coarse.box, box, recipe.zoom.merge, (scores[0], scores[1]))
    else:
        first = drawn
    score = sum(scores) / 2
    found = found_of(drawn.picture, outline, text, score, box, answer=first.overview.answer) if box else None
    nothing = NOBODY if first.selection else "no region of the picture stands out"
    why_empty = "" if found else INVALID if box else nothing
    members = [found_of(first.picture, each, text, score) for each in others if each.box]
    all_found = tuple(each for each in (found, *members) if each)
    shown, why_empty = decide(all_found, why_empty, first.says_absent, recipe)
    return Answer(
        expression=text,
        found=shown,
        score=score,
        words=first.overview.answer,
        info=SceneInfo.of(scene),
        shown=first.picture,
        looks=(first,),
        closer=closer_of(trail, drawn),
        provenance=provenance,
        why_empty=why_empty,
    )


def closer_of(trail: Trail, drawn: Look) -> tuple[Closer, ...]:
    """Return the closer looks of a trail with what each came to; `drawn` is the best one with what Refine drew."""
    rejected: Literal["unsure", "denies"] = "denies" if trail.verdict == "denies" else "unsure"
    return tuple(
        Closer(drawn if look is trail.best else look, "agrees" if look in trail.believed else rejected)
        for look in trail.looks
    )


def search_answer(scene: Scene, sought: Sought, recipe: Recipe, provenance: Mapping[str, str]) -> Answer:
    """Return the answer of a search; in it the score decides, for the look at the whole sees large objects alone."""
    selection = sought.glance.selection if sought.glance else None
    nobody = selection is not None and not selection.pool.candidates
    why_empty = "" if sought.found else NOBODY if nobody else "no detection passed its closer look"
    if not sought.found and (left := sum(tile.status == "stopped" for tile in sought.tiles)):
        why_empty = f"the search was stopped after {len(sought.tiles) - left} of {len(sought.tiles)} tiles"
    shown, why_empty = decide(sought.found, why_empty, False, recipe)
    return Answer(
        expression=sought.expression,
        found=shown,
        score=sought.found[0].score if sought.found else 0.0,
        words=sought.glance.overview.answer if sought.glance else "",
        info=SceneInfo.of(scene),
        shown=scene.read(most=SHOWN, tolerant=True),
        looks=(sought.glance,) if sought.glance else (),
        tiles=sought.tiles,
        provenance=provenance,
        why_empty=why_empty,
    )
