"""`zeroov demo`: everything once, offline, on a drawn scene."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json, Out, Set

SCENE = 7  # of the test split, which the miniature models never saw


def demo(
    out: Out = Path("out"),
    scene: Annotated[int, typer.Option(min=0, help="Which of the drawn scenes.")] = SCENE,
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME|FILE", help="Recipe to run.")] = "mini",
    set_: Set = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw an aerial scene, ground one of its objects, write the picture of every stage. Needs no download.

    The miniature models come with zeroov, were trained on such scenes, and know nothing else.
    """
    chosen = options.chosen(recipe, set_)
    from zeroov.files.atomic import ensure_writable_folder

    out = ensure_writable_folder(out)
    from zeroov.bench.mini.measure import answer_boxes, measured, readings
    from zeroov.bench.mini.report import READINGS
    from zeroov.cli.report import write_grounding
    from zeroov.files.atomic import write_json
    from zeroov.mini.expressions import expressions_for
    from zeroov.mini.scenes import make_scene, seed_for
    from zeroov.outputs.images import write_rgb_png
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import open_picture

    drawn = make_scene(seed_for("test", scene))
    target = max(range(len(drawn.objects)), key=lambda index: drawn.objects[index].area)
    expression = expressions_for(drawn, target)[0].text
    write_rgb_png(out / "scene.png", drawn.image)
    picture = open_picture(out / "scene.png")
    with options.progress() as progress, Pipeline(chosen, device, progress=progress) as pipeline:
        job = pipeline.job(picture, expression)
        for stage in pipeline.steps:
            pipeline.run(stage, [job])
        boxed = answer_boxes(pipeline, [job])[0]
    truth = drawn.objects[target]
    figures = {name: measured(mask, box, xy, truth) for name, mask, box, xy in readings(job, boxed, chosen)}
    result = job.result(chosen)
    report = write_grounding(out, picture, result)
    report |= {"truth_box_xyxy": list(truth.box_xyxy), "readings": figures}
    report["files"]["scene"] = str(out / "scene.png")
    write_json(out / "result.json", report)
    if json:
        options.say_json(report)
        return
    options.say(f"asked     {expression}")
    options.say(f"truth     {report['truth_box_xyxy']}")
    options.say(f"{result.status:9} {report['box_xyxy']}, score {result.score:.3f}")
    options.say_stages(report["stages"])
    options.say(f"\n{'against the truth':38}  box IoU  mask IoU  points at it")
    for name, told in figures.items():
        mask_iou, points = told["shared"] / told["union"], "yes" if told["points"] else "no"
        options.say(f"{READINGS[name]:38}  {told['box_iou']:7.3f}  {mask_iou:8.3f}  {points}")
    options.say(f"\nlook at   {report['files']['panel']}")
