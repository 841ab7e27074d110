"""`zeroov refine`: stage 4 over a folder of evolve dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json, RecipeName, Set
from zeroov.errors import DumpError, PictureError


def refine(
    evolved: Annotated[Path, typer.Argument(help="A folder of evolve dumps, as `zeroov evolve --out` makes it.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the masks; default: same.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="Where the pictures are, when they were moved.")
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Give each evolved box to Segment Anything and keep its mask.

    Example: zeroov refine out/ --set refine.type=vit_b --set refine.checkpoint=sam_vit_b_01ec64.pth
    """
    chosen = options.chosen(recipe, set_)
    if not evolved.is_dir():
        raise DumpError(f"`{evolved}` is no folder of evolve dumps; make them with `zeroov evolve MAPS --out DIR`")
    from zeroov.dumps import DumpStore
    from zeroov.dumps.values import to_evolved
    from zeroov.files.atomic import ensure_writable_folder, require_writable_folder, write_json
    from zeroov.ground import Pipeline
    from zeroov.language.phrase import parse
    from zeroov.outputs.images import write_mask_png
    from zeroov.raster.scene import open_picture

    folder = require_writable_folder(out or evolved)
    if chosen.min_score:
        options.note(
            f"min_score = {chosen.min_score:g} is not applied: a score needs the model's answer, which evolve dumps do "
            "not hold; `zeroov ground --dumps DIR` applies it"
        )
    results: list[dict[str, Any]] = []
    found = list(DumpStore(evolved).all("evolve"))
    with options.progress() as progress, Pipeline(chosen, device) as pipeline:
        for dump in found:
            source = dump.about["picture"]["source"]
            try:
                picture = open_picture(images / Path(source).name if images else source)
            except PictureError as error:
                raise PictureError(f"{error}; --images DIR says where the pictures are now") from error
            if picture.digest != dump.about["picture"]["digest"]:
                raise PictureError(f"`{picture.source}` is not the picture that `{dump.path}` was made from")
            value, text = to_evolved(dump), dump.about["expression"]
            kind = parse(text).category
            refined = pipeline.draw(picture, value.box, value, text=kind)[0] if value.box else None
            mask, box = (refined.mask, refined.box) if refined and refined.box else (value.mask, value.box)
            name = f"{Path(source).stem}-{dump.key[:8]}"
            mask_path = folder / f"{name}.refine.png"
            write_mask_png(ensure_writable_folder(folder) / mask_path.name, mask)
            progress.report("refine", len(results) + 1, len(found))
            result = {
                "source": picture.source,
                "expression": text,
                "status": "found" if box else "empty",
                "box_xyxy": list(box.xyxy) if box else None,
                "predicted_iou": refined.predicted_iou if refined else None,
                "object_score": refined.object_score if refined else None,
                "mask": str(mask_path),
                "evolve": dump.about["settings"],
            }
            write_json(folder / f"{name}.refine.json", result)
            results.append(result)
            if not json:
                where = [round(corner, 1) for corner in box.xyxy] if box else "nothing found"
                options.say(f'{picture.source}, "{text}": {where} -> {mask_path}')
    if not results:
        raise DumpError(f"`{evolved}` holds no evolve dumps; make them with `zeroov evolve MAPS --out {evolved}`")
    if json:
        options.say_json(results)
