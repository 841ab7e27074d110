"""Six scenes of the drawn world with something to ask, for whoever comes for the first time."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroov.mini.expressions import Expression, absent_expression, expressions_for
from zeroov.mini.scenes import Scene, make_scene, seed_for
from zeroov.outputs.images import png
from zeroov.serve.service import Service
from zeroov.serve.upload import take_bytes

# Of the test split, which the miniature models never saw; the forms of the expressions, in the order of preference.
SCENES = (7, 11, 23, 31, 42, 64)
FORMS = ("relation", "superlative", "position", "size", "colour", "category")
ABSENT = 5  # the scene of which something is asked that is not there


def examples(service: Service) -> list[dict[str, Any]]:
    """Return the scenes as pictures that the server holds, each with its expression; drawn again where forgotten."""
    if service.examples and all(service.pictures.find(each["picture"]) for each in service.examples):
        return service.examples
    found = []
    for place, number in enumerate(SCENES):
        scene = make_scene(seed_for("test", number))
        upload = take_bytes(service, png(scene.image), f"drawn-{number}.png", None)
        said = absent_expression(scene, np.random.default_rng(number)) if place == ABSENT else _asked(scene, place)
        found.append({"expression": said.text, "picture": upload.id, "absent": said.target is None})
    service.examples = found
    return found


def _asked(scene: Scene, place: int) -> Expression:
    """Return something to ask of a scene: another form of expression for each place, where the scene has it."""
    said = [each for target in range(len(scene.objects)) for each in expressions_for(scene, target)]
    wanted = FORMS[place % len(FORMS) :] + FORMS[: place % len(FORMS)]
    return min(said, key=lambda each: wanted.index(each.form))
