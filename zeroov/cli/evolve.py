"""`zeroov evolve`: stage 3 over a folder of dumps, without any model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, Out, RecipeName, Set
from zeroov.errors import DumpError


def evolve(
    maps: Annotated[Path, typer.Argument(help="A folder of overview and focus dumps.")],
    out: Out = Path("out"),
    recipe: RecipeName = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fuse the dumped maps and grow the masks: for every overview dump a mask and an evolve dump.

    Example: zeroov evolve maps/ --out out/ --set evolve.alpha=0.35
    """
    chosen = options.chosen(recipe, set_)
    if not maps.is_dir():
        raise DumpError(
            f"`{maps}` is no folder of dumps; make some with `zeroov overview` and `zeroov focus` --out DIR"
        )
    from zeroov.dumps import DumpStore
    from zeroov.files.atomic import require_writable_folder
    from zeroov.outputs.images import write_mask_png
    from zeroov.pipeline.replay import replay

    out = require_writable_folder(out)
    results: list[dict[str, Any]] = []
    try:
        for dump, value, name in replay(DumpStore(maps), DumpStore(out), chosen):
            mask_path = out / f"{Path(dump.about['picture']['source']).stem}-{name[:8]}.evolve.png"
            write_mask_png(mask_path, value.mask)
            result = {
                "source": dump.about["picture"]["source"],
                "expression": dump.about["expression"],
                "status": "found" if value.box else "empty",
                "box_xyxy": list(value.box.xyxy) if value.box else None,
                "mask_pixels": int(value.mask.sum()),
                "mask": str(mask_path),
                "dump": str(out / name),
                "evolve": asdict(chosen.evolve),
            }
            results.append(result)
            if not json:
                where = [round(corner, 1) for corner in value.box.xyxy] if value.box else "nothing found"
                options.say(f'{result["source"]}, "{result["expression"]}": {where} -> {mask_path}')
    finally:  # what was evolved is said, also where some sample could not be
        if json and results:
            options.say_json(results)
