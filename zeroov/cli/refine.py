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
    from zeroov.files.atomic import ensure_writable_folder, write_json
    from zeroov.outputs.images import write_mask_png
    from zeroov.pipeline.look import Job
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import open_picture
    from zeroov.types import StageReport

    folder = ensure_writable_folder(out or evolved)
    results: list[dict[str, Any]] = []
    with options.progress() as progress, Pipeline(chosen, device, progress=progress) as pipeline:
        for dump in DumpStore(evolved).all("evolve"):
            source = dump.about["picture"]["source"]
            try:
                picture = open_picture(images / Path(source).name if images else source)
            except PictureError as error:
                raise PictureError(f"{error}; --images DIR says where the pictures are now") from error
            if picture.digest != dump.about["picture"]["digest"]:
                raise PictureError(f"`{picture.source}` is not the picture that `{dump.path}` was made from")
            job = Job(picture, dump.about["expression"], {"evolve": StageReport(to_evolved(dump), 0.0)})
            pipeline.run("refine", [job])
            mask, box = job.refined_or_coarse()
            name = f"{Path(source).stem}-{dump.key[:8]}"
            mask_path = folder / f"{name}.refine.png"
            write_mask_png(mask_path, mask)
            result = {
                "source": picture.source,
                "expression": job.expression,
                "status": "found" if box else "empty",
                "box_xyxy": list(box.xyxy) if box else None,
                "predicted_iou": job.refined.predicted_iou if job.refined else None,
                "mask": str(mask_path),
                "evolve": dump.about["settings"],
            }
            write_json(folder / f"{name}.refine.json", result)
            results.append(result)
            if not json:
                where = [round(corner, 1) for corner in box.xyxy] if box else "nothing found"
                options.say(f'{picture.source}, "{job.expression}": {where} -> {mask_path}')
    if not results:
        raise DumpError(f"`{evolved}` holds no evolve dumps; make them with `zeroov evolve MAPS --out {evolved}`")
    if json:
        options.say_json(results)
