"""Expressions fit exactly the object they mean, judged by an independent reading of their words."""

from __future__ import annotations

import numpy as np

from zeroov.mini.expressions import FORMS, SYNONYMS, absent_expression, ask, expressions_for
from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import Scene, SceneObject, make_scene

WORDS = {**{kind: kind for kind in KINDS}, **{other: kind for kind, other in SYNONYMS.items()}}


def _named(scene: Scene, words: str) -> list[SceneObject]:
    """Read 'red storage tank' off the end of some words: the objects of that kind and colour."""
    kind = next(WORDS[w] for w in sorted(WORDS, key=len, reverse=True) if words.endswith(w))
    colour = next((c for c in COLOURS if f"{c} " in f"{words} "), None)
    return [o for o in scene.objects if o.kind == kind and (colour is None or o.colour == colour)]


def _meant(scene: Scene, text: str) -> list[SceneObject]:
    """Read an expression anew: the objects that a person could take it to mean."""
    assert text.startswith("the ")
    text = text.removeprefix("the ")
    height, width = scene.height_width
    for relation, axis, sign in (
        (" to the left of the ", 0, -1),
        (" to the right of the ", 0, 1),
        (" above the ", 1, -1),
        (" below the ", 1, 1),
    ):
        if relation in text:
            who, whom = text.split(relation)
            anchors = _named(scene, whom)
            assert len(anchors) == 1
            at = anchors[0].centre_xy[axis]
            return [o for o in _named(scene, who) if o is not anchors[0] and sign * (o.centre_xy[axis] - at) > 0]
    for place in (" on the ", " at the ", " in the "):
        if place in text:
            who, where = text.split(place)
            found = _named(scene, who)
            for word, axis, low, high in (
                ("left", 0, 0.0, 0.45), ("right", 0, 0.55, 1.0), ("upper", 1, 0.0, 0.45), ("top", 1, 0.0, 0.45),
                ("lower", 1, 0.55, 1.0), ("bottom", 1, 0.55, 1.0), ("middle", 0, 0.3, 0.7), ("middle", 1, 0.3, 0.7),
            ):  # fmt: skip
                if word in where.split():
                    side = (width, height)[axis]
                    found = [o for o in found if low <= o.centre_xy[axis] / side <= high]
            return found
    first = text.split()[0]
    found = _named(scene, text)
    if first in ("large", "small"):
        return [o for o in found if o.large == (first == "large")]
    box_area = {id(o): (o.box_xyxy[2] - o.box_xyxy[0]) * (o.box_xyxy[3] - o.box_xyxy[1]) for o in found}
    ranks = {
        "largest": lambda o: box_area[id(o)], "smallest": lambda o: -box_area[id(o)],
        "leftmost": lambda o: -o.centre_xy[0], "rightmost": lambda o: o.centre_xy[0],
        "topmost": lambda o: -o.centre_xy[1], "bottommost": lambda o: o.centre_xy[1],
    }  # fmt: skip
    if first in ranks:
        best = max(map(ranks[first], found))
        return [o for o in found if ranks[first](o) == best]
    return found


def test_every_expression_means_its_object_and_no_other() -> None:
    forms = set()
    for seed in range(150):
        scene = make_scene(seed)
        for target, thing in enumerate(scene.objects):
            for expression in expressions_for(scene, target):
                meant = _meant(scene, expression.text)
                assert [one is thing for one in meant] == [True], (seed, expression, meant)
                forms.add(expression.form)
    assert forms == set(FORMS) - {"absent"}


def test_absent_expressions_name_nothing_that_is_there() -> None:
    for seed in range(150):
        scene = make_scene(seed)
        expression = absent_expression(scene, np.random.default_rng(seed))
        assert expression.target is None
        text = expression.text.removeprefix("the ").split(" on the ")[0].split(" at the ")[0].split(" in the ")[0]
        assert not _named(scene, text), (seed, expression)


def test_asking_is_deterministic() -> None:
    scene = make_scene(3)
    asked = [[ask(scene, rng) for _ in range(10)] for rng in (np.random.default_rng(1), np.random.default_rng(1))]
    assert asked[0] == asked[1]
