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


def examples(service: Service) -> list[dict[str, Any]]:
    """Return the scenes as pictures that the server holds, each with its expression; drawn again where forgotten."""
    if service.examples and all(service.pictures.find(each["picture"]) for each in service.examples):
        return service.examples
    found = []
    for number, target, form in (*SCENES, (ABSENT, 0, "absent")):
        scene = make_scene(seed_for("test", number))
        upload = take_bytes(service, png(scene.image), f"scene-{number}.png", None)
        if form == "absent":
            said = absent_expression(scene, np.random.default_rng(number))
        else:
            said = next(each for each in expressions_for(scene, target) if each.form == form)
        found.append({"expression": said.text, "picture": upload.id, "absent": said.target is None})
    service.examples = found
    return found
