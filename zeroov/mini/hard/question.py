"""Draw the questions of the hard split: a scene placed for its expression, and what it means."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from zeroov.mini.expressions import SYNONYMS
from zeroov.mini.ground import TERRAINS
from zeroov.mini.hard import alone, beside, looks, many
from zeroov.mini.hard.draft import Draft
from zeroov.mini.hard.layout import SIDE, Layout, NoRoom, Thing
from zeroov.mini.hard.table import ABSENT, FAMILIES, LENGTHS, PLAIN_LENGTHS, Asked, drawn, length_from, schedule
from zeroov.mini.hard.words import SHORT_SHARE, Speech
from zeroov.mini.kinds import KINDS
from zeroov.mini.scenes import Mask, Scene, Split, paint_scene, seed_for

HardSplit = Literal["train", "val", "test", "plain"]
"""`plain` has as many objects of the asked kind as real data sets have, and so fewer near misses."""
MOST_DRAWS = 2_000
_PLAIN_FROM = 500_000
"""Scene of the test split at which the seeds of `plain` begin."""
_MAKE: Mapping[str, Callable[[Draft], None]] = {
    "place": alone.place,
    "superlative": alone.superlative,
    "size superlative": looks.size_superlative,
    "attributes": looks.attributes,
    "relation": beside.relation,
    "relation, anchor described": beside.described,
    "relation, same kind": beside.same_kind,
    "ordinal": many.ordinal,
    "between": beside.between_two,
    "inside": beside.inside_of,
    "group": many.group,
    "extent": many.extent,
}
_SYNONYM_SHARE = 0.1
_CONTAINER_PX = 110
"""What others lie in is longer than this, and what lies in it is not."""
_INSIDE_KINDS = ("vehicle", "plane", "storage tank")


@dataclass(frozen=True)
class HardQuestion:
    """A scene, an expression, and what it means.

    `meant` and `anchors` are places in `scene.objects`: several are meant where the expression asks for a group, none
    where the object is absent. `near` names the parts of the expression, with the object that fits all others.
    `asked` are the objects of the asked kind. `draws` counts the scenes that were drawn until one kept all rules.
    """

    scene: Scene
    text: str
    family: str
    sub: str
    kind: str
    meant: tuple[int, ...]
    anchors: tuple[int, ...]
    asked: tuple[int, ...]
    near: Mapping[str, int]
    short: bool
    draws: int

    @property
    def absent(self) -> bool:
        """Whether no object of the scene is meant."""
        return not self.meant

    @property
    def real_weight(self) -> float:
        """The share of the kind of expression in real data, in percent; 0 where the object is absent."""
        return FAMILIES[self.family].real_weight if self.family in FAMILIES else 0.0

    @property
    def box_xyxy(self) -> tuple[int, int, int, int] | None:
        """The tight half-open box in scene pixels of all that is meant, `None` where nothing is."""
        if self.absent:
            return None
        boxes = [self.scene.objects[at].box_xyxy for at in self.meant]
        corners = list(zip(*boxes, strict=True))
        return (min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3]))

    @property
    def mask(self) -> Mask:
        """The mask (H, W) of all that is meant."""
        together = np.zeros(self.scene.height_width, np.bool_)
        for at in self.meant:
            together |= self.scene.objects[at].mask
        return together


@lru_cache(maxsize=4)
def _schedule(split: str) -> tuple[Asked, ...]:
    return tuple(schedule(split))


def count_of(split: HardSplit) -> int:
    """Return how many questions a split of fixed length has."""
    return len(_schedule(split))


def hard_question(split: HardSplit, index: int) -> HardQuestion:
    """Draw the index-th question of a split; the same one always, on any machine.

    `train` has as many as the miniature world has scenes, in the shares of the test split.
    """
    of: Split = "test" if split == "plain" else split
    seed = seed_for(of, index + (_PLAIN_FROM if split == "plain" else 0))
    asked = drawn(np.random.default_rng([seed, 19])) if split == "train" else _schedule(split)[index]
    return draw_question(seed, asked, held_out=split != "train", plain=split == "plain")


def draw_question(seed: int, asked: Asked, *, held_out: bool, plain: bool = False) -> HardQuestion:
    """Draw a question of a kind and sub-kind from a seed, again and again until a scene keeps all rules."""
    rng = np.random.default_rng([seed, 17])
    for draws in itertools.count(1):
        if draws > MOST_DRAWS:
            raise RuntimeError(f"no scene of seed {seed} keeps the rules of {asked} in {MOST_DRAWS} draws")
        try:
            draft = _draft(rng, asked, held_out, plain)
        except NoRoom:
            continue
        return _finished(seed, rng, draft, asked, draws)
    raise AssertionError


def _draft(rng: np.random.Generator, asked: Asked, held_out: bool, plain: bool) -> Draft:
    """Place the objects of a question and choose its words; `NoRoom` where a rule is not kept."""
    absent, family = asked[0] == ABSENT, asked[1] if asked[0] == ABSENT else asked[0]
    subs = FAMILIES[family].scenes
    sub = str(rng.choice(list(subs), p=np.array([*subs.values()]) / sum(subs.values()))) if absent else asked[1]
    count = length_from(rng, LENGTHS)
    speech = Speech(rng, "short" if rng.random() < SHORT_SHARE else "long", held_out)
    kind = _kind(rng, family, sub)
    class_large = None
    if kind == "vehicle" and speech.style == "long" and family != "size superlative" and sub not in ("size", "two"):
        class_large = family != "inside" and bool(rng.random() < 0.4)
    low, high = (
        (0.75, 1.15) if count <= 4 else (0.68, 0.95) if count <= 6 else (0.62, 0.85) if count <= 8 else (0.6, 0.68)
    )
    if class_large and count > 8:
        low, high = 0.5, 0.55
    draft = Draft(rng, Layout(rng, float(rng.uniform(low, high))), speech, sub, count, kind, class_large)
    _MAKE[family](draft)
    draft.fill()
    draft.distract(int(rng.integers(1, 4) if count <= 8 else rng.integers(0, 3)))
    draft.check()
    if plain and family not in ("ordinal", "group", "size superlative"):
        _thin(draft, length_from(rng, PLAIN_LENGTHS))
    if absent:
        _remove_meant(draft)
    return draft


def _kind(rng: np.random.Generator, family: str, sub: str) -> str:
    if family == "extent":
        return "bridge"
    kinds = ("building", "stadium") if sub == "shape" else _INSIDE_KINDS if family == "inside" else tuple(KINDS)
    return kinds[int(rng.integers(len(kinds)))]


def _thin(draft: Draft, count: int) -> None:
    """Take objects of the asked kind away until so many are left, those that the expression names excepted."""
    kept = {id(thing) for thing in (*draft.meant, *draft.anchors)}
    able = [thing for thing in draft.asked() if id(thing) not in kept]
    for at in draft.rng.permutation(len(able))[: max(0, len(draft.asked()) - count)]:
        _take_away(draft, able[int(at)])


def _take_away(draft: Draft, thing: Thing) -> None:
    draft.layout.things = [each for each in draft.layout.things if each is not thing]
    draft.near = {name: each for name, each in draft.near.items() if each is not thing}


def _remove_meant(draft: Draft) -> None:
    """Take away all objects of the asked kind; or, at times, those of the colour that the expression says."""
    one_colour = draft.colour is not None and draft.rng.random() < 0.6
    for thing in draft.asked():
        if not one_colour or thing.colour == draft.colour:
            _take_away(draft, thing)
    draft.meant = []
    for _ in range(2):
        draft.distract(int(draft.rng.integers(1, 3)))


def _finished(seed: int, rng: np.random.Generator, draft: Draft, asked: Asked, draws: int) -> HardQuestion:
    """Say and paint a question whose objects have their places."""
    text = _text(draft, asked[0])
    order = [draft.layout.things[int(at)] for at in rng.permutation(len(draft.layout.things))]
    things = sorted(order, key=lambda thing: thing.placed.long_px < _CONTAINER_PX)  # painted before what lies in them
    terrain = draft.terrain or list(TERRAINS)[int(rng.choice(len(TERRAINS), p=[0.3, 0.2, 0.15, 0.2, 0.15]))]
    scene = paint_scene(seed, rng, (SIDE, SIDE), terrain, [thing.placed for thing in things])
    place = {id(thing): at for at, thing in enumerate(things)}
    return HardQuestion(
        scene=scene,
        text=text,
        family=asked[0],
        sub=asked[1],
        kind=_noun(draft),
        meant=tuple(place[id(thing)] for thing in draft.meant),
        anchors=tuple(place[id(thing)] for thing in draft.anchors if id(thing) in place),
        asked=tuple(place[id(thing)] for thing in draft.asked()),
        near={name: place[id(thing)] for name, thing in draft.near.items()},
        short=draft.speech.style == "short",
        draws=draws,
    )


def _noun(draft: Draft) -> str:
    """Return the name of the asked kind."""
    if draft.class_large is None:
        return draft.kind
    return f"{'large' if draft.class_large else 'small'} {draft.kind}"


def _text(draft: Draft, family: str) -> str:
    plural = family == "group"
    noun = _noun(draft)
    if plural:
        noun = noun.replace(draft.kind, KINDS[draft.kind].plural)
        subject = f"{draft.subject or ''}{noun}{draft.after}"
        return draft.speech.sentence(subject, draft.tail, plural=True)
    if draft.class_large is None and draft.rng.random() < _SYNONYM_SHARE:
        noun = SYNONYMS.get(noun, noun)
    subject = draft.subject or " ".join([*draft.adjectives, noun])
    relation = family.startswith("relation") or family in ("between", "inside")
    return draft.speech.sentence(subject, draft.tail, relation=relation, definite=draft.definite)
