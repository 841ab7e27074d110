"""What `zeroov ground` does with a large scene: search it, and write what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroov.cli import options
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.pipeline.run import Pipeline
    from zeroov.pipeline.stages import Progress
    from zeroov.raster.scene import Scene

SHOWN = 1600  # longer side of the overlay


def ground_scene(
    pipeline: Pipeline,
    scene: Scene,
    expression: str,
    out: Path,
    writers: Any,
    *,
    every: bool,
    panel: bool,
    json: bool,
    start: float,
    tell: Progress | None,
) -> int:
    """Search, write overlay.png, panel.png, result.json and the asked formats, tell; return how many tiles failed."""
    from zeroov.cli.report import about, forget, provenance, say_files, write_report
    from zeroov.files.atomic import write_atomically
    from zeroov.outputs.found import SceneInfo
    from zeroov.outputs.images import write_rgb_png
    from zeroov.search.search import search
    from zeroov.show.scene import draw_scene_panel, scene_overlay

    forget(out)
    answer = search(pipeline, scene, expression, every=every, tell=tell or (lambda *_: None))
    files = {"overlay": out / "overlay.png", "result": out / "result.json"}
    drawn = scene_overlay(scene.read(most=SHOWN, tolerant=True).rgb, scene.hw, answer.found)
    write_rgb_png(files["overlay"], drawn)
    if panel:
        files["panel"] = out / "panel.png"
        write_atomically(files["panel"], draw_scene_panel(f'"{answer.expression}"', drawn, scene, answer.found))
    written: tuple[Path, ...] = ()
    if writers:
        writers.add(SceneInfo.of(scene), answer.found, provenance(pipeline.recipe, pipeline))
        written = writers.finish()
    counts = answer.counts
    report = {
        "source": scene.source,
        "expression": answer.expression,
        "status": "found" if answer.found else "empty",
        "scene_hw": list(scene.hw),
        "found": [
            {"box_xyxy": list(found.box.xyxy), "score": round(found.score, 6), "mask_pixels": found.pixels}
            | dict(found.extra)
            for found in answer.found
        ],
        "answer": answer.answer,
        **about(pipeline, scene, start),
        "tiles": counts,
        "not_looked_at": answer.not_looked_at(),
    }
    report = write_report(files, written, report)
    if json:
        options.say_json(report)
        return counts["failed"]
    for found in answer.found:
        corners = ", ".join(f"{value:.1f}" for value in found.box.xyxy)
        options.say(f"found     box [{corners}], {found.pixels} pixels, score {found.score:.3f}")
    if not answer.found:
        options.say("empty     nothing found")
    options.say(f"answer    {options.plain(answer.answer)} (to the glance at the whole scene)")
    options.say(f"tiles     {counts['looked']} looked at, {counts['nodata']} nodata, {counts['failed']} failed")
    for tile in answer.failed[:5]:
        options.note(f"tile {list(tile.window)} failed: {tile.reason}")
    say_files(report["files"])
    return counts["failed"]


def require_one_look(raster: Scene) -> None:
    """Refuse a raster that cannot be held in memory whole."""
    from zeroov.raster.read import MOST_PIXELS

    height, width = raster.hw
    if height * width > MOST_PIXELS:
        raise UsageError(
            f"`{raster.source}` of {width} x {height} pixels is too large for one look, which takes {MOST_PIXELS:,}; "
            "leave out --no-scene to search it"
        )
