"""Write a grounding's files into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zeroov.raster.write import write_json, write_mask_png, write_overlay_png
from zeroov.types import Grounding, Picture


def write_grounding(
    folder: Path, picture: Picture, result: Grounding, *, panel: bool = True, prefix: str = ""
) -> dict[str, Any]:
    """Write mask, overlay, panel and result.json, the last of all; return what result.json holds.

    An older result.json goes first, so that it never stands beside pictures of another answer.
    """
    summary = folder / f"{prefix}result.json"
    summary.unlink(missing_ok=True)
    files = {"mask": folder / f"{prefix}mask.png", "overlay": folder / f"{prefix}overlay.png"}
    write_mask_png(files["mask"], result.mask)
    write_overlay_png(files["overlay"], picture.rgb, result.mask, result.box)
    if panel:
        from zeroov.show.panel import write_panel

        files["panel"] = folder / f"{prefix}panel.png"
        write_panel(files["panel"], picture, result)
    files["result"] = summary
    report = result.to_json() | {"files": {name: str(path) for name, path in files.items()}}
    write_json(summary, report)
    return report
