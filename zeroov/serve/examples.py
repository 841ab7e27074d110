"""Six scenes of the drawn world with something to ask, for whoever comes for the first time."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroov.mini.expressions import absent_expression, expressions_for
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.outputs.images import png
from zeroov.serve.service import Service
from zeroov.serve.upload import take_bytes

# Of the test split, which the miniature models never saw: the scene, its object that is meant, and how it is asked for.
SCENES = ((4, 2, "position"), (65, 1, "colour"), (26, 3, "relation"), (32, 1, "relation"), (11, 0, "superlative"))
ABSENT = 79  # the scene of which something is asked that is not there


EXAMPLES = (*SCENES, (ABSENT, 0, "absent"))


def example(service: Service, place: int) -> dict[str, Any]:
    """Return a scene as a picture that the server holds, with its expression; it is drawn again where forgotten."""
    known = service.examples.get(place)
    if known and service.pictures.find(known["picture"]):
        return known
    number, target, form = EXAMPLES[place]
    scene = make_scene(seed_for("test", number))
    upload = take_bytes(service, png(scene.image), f"scene-{number}.png", None)
    if form == "absent":
        said = absent_expression(scene, np.random.default_rng(number))
    else:
        said = next(each for each in expressions_for(scene, target) if each.form == form)
    service.examples[place] = {"expression": said.text, "picture": upload.id, "absent": said.target is None}
    return service.examples[place]
