"""Say which object of a scene is meant, in words that fit that object alone; or name one that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import Scene, SceneObject

Form = Literal["category", "colour", "size", "position", "relation", "superlative", "absent"]
FORMS: tuple[Form, ...] = ("category", "colour", "size", "position", "relation", "superlative", "absent")

SYNONYMS = {"plane": "airplane", "ship": "boat", "vehicle": "car", "storage tank": "tank", "tennis court": "court"}
"""Other words for a kind, used for one object in eight."""
POSITIONS: dict[str, tuple[int, int]] = {
    "on the upper left": (-1, -1),
    "at the top": (0, -1),
    "on the upper right": (1, -1),
    "on the left": (-1, 0),
    "in the middle": (0, 0),
    "on the right": (1, 0),
    "on the lower left": (-1, 1),
    "at the bottom": (0, 1),
    "on the lower right": (1, 1),
}
RELATIONS: dict[str, tuple[int, int]] = {
    "to the left of": (-1, 0),
    "to the right of": (1, 0),
    "above": (0, -1),
    "below": (0, 1),
}
SUPERLATIVES: tuple[str, ...] = ("largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost")


@dataclass(frozen=True)
class Expression:
    """Words, the form they take, and the index of the object they mean (`None`: no such object is there)."""

    text: str
    form: Form
    target: int | None


@dataclass(frozen=True)
class _Named:
    """Part of a description: a kind, perhaps with a colour, and the objects that it fits."""

    kind: str
    colour: str | None
    fits: tuple[int, ...]

    def words(self, kind_word: str, adjective: str = "") -> str:
        return " ".join(word for word in (adjective, self.colour or "", kind_word) if word)


def _fitting(scene: Scene, kind: str, colour: str | None) -> tuple[int, ...]:
    return tuple(
        i for i, thing in enumerate(scene.objects) if thing.kind == kind and (colour is None or thing.colour == colour)
    )


def _at(thing: SceneObject, scene: Scene) -> tuple[float, float]:
    """Give an object's centre as fractions of the scene's width and height."""
    height, width = scene.height_width
    x, y = thing.centre_xy
    return (x / width, y / height)


def _in_region(thing: SceneObject, scene: Scene, region: tuple[int, int], slack: float) -> bool:
    """Return whether an object lies in a ninth or a side of the scene; slack > 0 loosens, slack < 0 tightens."""
    x, y = _at(thing, scene)
    across, down = region
    if region == (0, 0):
        return abs(x - 0.5) < 0.16 + slack and abs(y - 0.5) < 0.16 + slack
    far = 0.40 + slack
    ok_x = across == 0 or (x < far if across < 0 else x > 1 - far)
    ok_y = down == 0 or (y < far if down < 0 else y > 1 - far)
    return ok_x and ok_y


def _related(thing: SceneObject, anchor: SceneObject, scene: Scene, way: tuple[int, int], strict: bool) -> bool:
    """Return whether an object lies on the named side of another: clearly (strict), or arguably."""
    x, y = _at(thing, scene)
    ax, ay = _at(anchor, scene)
    along, aside = (way[0] * (x - ax), abs(y - ay)) if way[0] else (way[1] * (y - ay), abs(x - ax))
    return along > 0.13 and along > 0.9 * aside if strict else along > -0.02


def _superlative_value(thing: SceneObject, word: str) -> float:
    """Give what the superlative compares, larger for the more fitting."""
    x0, y0, x1, y1 = thing.box_xyxy
    area = float((x1 - x0) * (y1 - y0))
    x, y = thing.centre_xy
    return {
        "largest": area,
        "smallest": -area,
        "leftmost": -x,
        "rightmost": x,
        "topmost": -y,
        "bottommost": y,
    }[word]


def _wins(scene: Scene, target: int, rivals: tuple[int, ...], word: str) -> bool:
    """Return whether the target beats every rival clearly: by half its box area, or by 8 % of the scene's side."""
    own = _superlative_value(scene.objects[target], word)
    height, width = scene.height_width
    for rival in rivals:
        other = _superlative_value(scene.objects[rival], word)
        if word in ("largest", "smallest"):
            large, small = max(abs(own), abs(other)), min(abs(own), abs(other))
            clear = own > other and large > 1.5 * small and (word == "largest") == (abs(own) == large)
        else:
            side = width if word in ("leftmost", "rightmost") else height
            clear = own - other > 0.08 * side
        if not clear:
            return False
    return True


KindWord = Callable[[str], str]


def _direct(scene: Scene, target: int, name: _Named, word: KindWord) -> Iterator[tuple[Form, str]]:
    """Yield the expressions that need no other object."""
    thing = scene.objects[target]
    rivals = tuple(i for i in name.fits if i != target)
    if not rivals:
        yield ("colour" if name.colour else "category"), name.words(word(name.kind))
    others = [scene.objects[i] for i in rivals]
    if others and all(other.large != thing.large for other in others):
        yield "size", name.words(word(name.kind), "large" if thing.large else "small")
    for words, region in POSITIONS.items():
        if _in_region(thing, scene, region, 0.0) and not any(_in_region(o, scene, region, 0.08) for o in others):
            yield "position", f"{name.words(word(name.kind))} {words}"
    if others:
        for superlative in SUPERLATIVES:
            if _wins(scene, target, rivals, superlative):
                yield "superlative", name.words(word(name.kind), superlative)


def _relational(scene: Scene, target: int, name: _Named, word: KindWord) -> Iterator[tuple[Form, str]]:
    """Yield the expressions that name one other, itself unambiguous, object."""
    thing = scene.objects[target]
    rivals = [scene.objects[i] for i in name.fits if i != target]
    for index, anchor in enumerate(scene.objects):
        if index == target:
            continue
        anchor_name = next((n for n in (anchor.colour, None) if len(_fitting(scene, anchor.kind, n)) == 1), "ambiguous")
        if anchor_name == "ambiguous":
            continue
        described = _Named(anchor.kind, anchor_name, (index,)).words(word(anchor.kind))
        for words, way in RELATIONS.items():
            if _related(thing, anchor, scene, way, strict=True) and not any(
                _related(rival, anchor, scene, way, strict=False) for rival in rivals if rival is not anchor
            ):
                yield "relation", f"{name.words(word(name.kind))} {words} the {described}"


def expressions_for(scene: Scene, target: int, word: KindWord = str) -> list[Expression]:
    """List every expression of the world's grammar that means this object and no other."""
    thing = scene.objects[target]
    found: list[Expression] = []
    for colour in (None, thing.colour):
        name = _Named(thing.kind, colour, _fitting(scene, thing.kind, colour))
        for form, text in (*_direct(scene, target, name, word), *_relational(scene, target, name, word)):
            found.append(Expression(f"the {text}", form, target))
    return found


def absent_expression(scene: Scene, rng: np.random.Generator) -> Expression:
    """Name a kind and colour that no object of the scene has together; half the time the kind itself is there."""
    there = {(thing.kind, thing.colour) for thing in scene.objects}
    here = sorted({thing.kind for thing in scene.objects})
    kinds = here if rng.random() < 0.5 and here else list(KINDS)
    choices = [(kind, colour) for kind in kinds for colour in COLOURS if (kind, colour) not in there]
    if not choices:  # a crowd of one kind may show it in every colour
        choices = [(kind, colour) for kind in KINDS for colour in COLOURS if (kind, colour) not in there]
    kind, colour = choices[int(rng.integers(len(choices)))]
    only_kind = not any(thing.kind == kind for thing in scene.objects) and rng.random() < 0.5
    text = f"the {kind}" if only_kind else f"the {colour} {kind}"
    if rng.random() < 0.3:
        text += " " + list(POSITIONS)[int(rng.integers(len(POSITIONS)))]
    return Expression(text, "absent", None)


def ask(scene: Scene, rng: np.random.Generator, forms: tuple[Form, ...] = FORMS) -> Expression | None:
    """Draw one expression about a scene: first a form, then an object; `None` if no form fits any object."""

    def word(kind: str) -> str:
        return SYNONYMS.get(kind, kind) if rng.random() < 0.125 else kind

    if not scene.objects:
        return None
    for form_index in rng.permutation(len(forms)):
        form = forms[int(form_index)]
        if form == "absent":
            return absent_expression(scene, rng)
        for target in rng.permutation(len(scene.objects)):
            fitting = [e for e in expressions_for(scene, int(target), word) if e.form == form]
            if fitting:
                return fitting[int(rng.integers(len(fitting)))]
    return None
