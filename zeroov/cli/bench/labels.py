"""`zeroov bench labels`: how good first labels were, once somebody has corrected them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json
from zeroov.errors import count_of, first_few
from zeroov.files.paths import expanded

COLUMNS = ("class", "proposed", "right", "deleted", "added", "precision", "recall", "mean_iou")


def labels(
    first: Annotated[Path, typer.Argument(help="The first labels, e.g. labels/coco.json of `zeroov batch`.")],
    corrected: Annotated[Path, typer.Argument(help="The same after correcting.")],
    json: Json = False,
) -> None:
    """Compare first labels with corrected ones: how many are right, deleted and added, and how much was redrawn.

    Both are COCO, Label Studio's JSON export, or a folder of labelme's files. Images in only one of them are left out.
    A first label is right where a corrected one of its class overlaps it by half. Precision: of the first labels, the
    share that is right; recall: of the corrected ones; mean_iou: how well those that are right fit.

    Example: zeroov bench labels labels/coco.json corrected.json
    """
    from zeroov.bench.scoring.labels import compare_labels
    from zeroov.cli.report import say_table

    compared = compare_labels(expanded(first), expanded(corrected))
    rows = [row.to_json() for row in compared.rows]
    if json:
        options.say_json(
            {"images": compared.images, "rows": rows}
            | {"only_first": list(compared.only_first), "only_corrected": list(compared.only_corrected)}
        )
        return
    options.say(count_of(compared.images, "image"))
    say_table([COLUMNS, *([_cell(row[name]) for name in COLUMNS] for row in rows)])
    for what, names in (("first", compared.only_first), ("corrected", compared.only_corrected)):
        if names:
            options.note(f"left out: {count_of(len(names), 'image')} only among the {what} labels ({first_few(names)})")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else options.plain(str(value))
