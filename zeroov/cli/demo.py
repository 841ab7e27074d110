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
    from zeroov.files.atomic import write_json
    from zeroov.ground import Pipeline
    from zeroov.mini.expressions import expressions_for
    from zeroov.mini.scenes import make_scene, seed_for
    from zeroov.outputs.images import write_rgb_png
    from zeroov.show.panel import draw_panel

    drawn = make_scene(seed_for("test", scene))
    target = max(range(len(drawn.objects)), key=lambda index: drawn.objects[index].area)
    expression = expressions_for(drawn, target)[0].text
    write_rgb_png(out / "scene.png", drawn.image)
    with options.progress() as progress, Pipeline(chosen, device) as pipeline:
        answer = pipeline.ground(out / "scene.png", expression, search=False, progress=progress)
        (look,) = answer.looks
        boxed = answer_boxes(pipeline, [look])[0]
    truth = drawn.objects[target]
    figures = {name: measured(mask, box, xy, truth) for name, mask, box, xy in readings(look, boxed, chosen)}
    report = answer.save(out, panel=draw_panel(answer))
    report |= {"truth_box_xyxy": list(truth.box_xyxy), "readings": figures}
    report["files"]["scene"] = str(out / "scene.png")
    write_json(out / "result.json", report)
    if json:
        options.say_json(report)
        return
    options.say(f"asked     {expression}")
    options.say(f"truth     {report['truth_box_xyxy']}")
    doubt = f" (doubtful: {answer.doubtful})" if answer.doubtful else ""
    options.say(f"{answer.status:9} {report['box_xyxy']}, score {answer.score:.3f}{doubt}")
    options.say_stages(look.costs)
    options.say(f"\n{'against the truth':38}  box IoU  mask IoU  points at it")
    for name, figure in figures.items():
        mask_iou, points = figure["shared"] / figure["union"], "yes" if figure["points"] else "no"
        options.say(f"{READINGS[name]:38}  {figure['box_iou']:7.3f}  {mask_iou:8.3f}  {points}")
    options.say(f"\nlook at   {report['files']['panel']}")
