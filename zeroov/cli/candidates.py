"""`zeroov candidates`: choose again among the candidates of a folder of dumps, without any model."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, RecipeName, Set
from zeroov.errors import DumpError


def candidates(
    maps: Annotated[Path, typer.Argument(help="A folder of dumps of a recipe with the stage select.")],
    recipe: RecipeName = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Choose again among the dumped candidates by the recipe's weights, and say why: no model is asked.

    Weights are the recipe's keys select.place, select.relation, select.attention and so on; 0 leaves a factor out.

    Example: zeroov candidates maps/ --set select.attention=0.5
    """
    chosen = options.chosen(recipe, set_)
    if not maps.is_dir():
        raise DumpError(f"`{maps}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`")
    from zeroov.dumps import DumpStore
    from zeroov.frames import from_window
    from zeroov.outputs.selection import pool_json
    from zeroov.pipeline.replay import reselect
    from zeroov.types import Window

    results = []
    for dump, selection in reselect(DumpStore(maps), chosen):
        picture = dump.about["picture"]
        asked = {"source": picture["source"], "expression": dump.about["expression"]}
        height, width = picture["hw"]
        window = Window(*picture.get("window", (0, 0, width, height)))
        made = pool_json(selection, functools.partial(from_window, hw=(height, width), window=window))
        results.append({**asked, **made})
        if not json:
            boxes = [[round(side) for side in each["box_xyxy"]] for each in made["candidates"] if each["chosen"]]
            where = ", ".join(map(str, boxes)) or "nothing"
            options.say(f'{asked["source"]}, "{asked["expression"]}": {where} ({made["why"]})')
    if json:
        options.say_json(results)
