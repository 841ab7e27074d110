"""`zeroov bench ablate`: many settings of a run, scored from its dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json


def ablate(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="[KEY=V1,V2,...]...", help="More keys.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2,...", help="A recipe key and its values; every combination is scored."),
    ] = None,
    protocol: Annotated[str, typer.Option(help="How to score; `zeroov bench score` lists them.")] = "honest",
    dumps: Annotated[
        list[Path] | None, typer.Option("--dumps", metavar="DIR", help="Where the dumps are, if not with the run.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 0,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the table.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the table as CSV.")] = None,
    json: Json = False,
) -> None:
    """Score every combination of settings on a run, from its cached maps: no model runs.

    What is scored is the answer before Refine. Keys: evolve.k, evolve.tau, evolve.alpha, evolve.official,
    evolve.canvas, overview.layers and overview.weights (captured layers), stages. The run's own setting is marked with
    a star, and p is that of the paired test of its mIoU against each other setting's. The best of many settings on a
    split is better there than elsewhere: choose on one split, report on another.

    Example: zeroov bench ablate runs/x --grid evolve.alpha=0.2,0.3,0.4 evolve.tau=0.2,0.3
    """
    from zeroov.bench.runs.records import read_run
    from zeroov.bench.scoring.protocols import named
    from zeroov.bench.scoring.tables import aligned, as_csv, percent
    from zeroov.bench.sweeps.ablate import ablate as go
    from zeroov.bench.sweeps.ablate import parse_grid, recipe_of, tell_setting
    from zeroov.files.atomic import write_atomically

    how = named(protocol)
    read = read_run(run)
    values = parse_grid([*(grid or []), *(more or [])])
    folders = dumps or [Path(folder) for folder in read.manifest.get("dumps", [])]
    if run.is_dir() and (run / "dumps").is_dir() and not dumps:
        folders.append(run / "dumps")  # the run's folder may have moved
    with options.progress() as progress:
        settings = go(read, folders, values, how, jobs=jobs, tell=progress.report)
    base = recipe_of(read).deciding()
    own = next((s for s in settings if all(_same(base[key], value) for key, value in s.changes.items())), None)
    rows = [tell_setting(setting, own, how) | {"own": setting is own} for setting in settings]
    document = {"run": read.name, "protocol": how.name, "keys": list(values), "settings": rows}
    if plot:
        from zeroov.show.ablation import write_ablation

        write_ablation(plot, document)
    if csv:
        write_atomically(csv, as_csv([_flat(row) for row in rows]).encode())
    if json:
        options.say_json(document)
        return
    shown = [(target, name) for target in ("box", "mask") if target in rows[0] for name in ("Pr@0.5", "mIoU", "oIoU")]
    shown = [(target, name) for target, name in shown if name in rows[0][target]]
    lines = [[", ".join(values), *(f"{target} {name}" for target, name in shown), "p"]]
    for row in rows:
        label = ", ".join(_text(value) for value in row["setting"].values()) + (" *" if row["own"] else "")
        target = "mask" if "mask" in row else "box"
        against = row[target].get("against_own")
        p = f"{against['p']:.4f}" if against else ""
        lines.append([label, *(percent(row[target][name]) for target, name in shown), p])
    options.say(aligned(lines))
    counted = next(iter(row[target] for target in ("mask", "box") if target in row))["samples"]
    options.say(f"\n{len(rows)} settings, {counted} samples, before Refine, protocol {how.name}")


def _same(own: Any, value: Any) -> bool:
    if isinstance(own, list) and isinstance(value, list):
        return [stage for stage in own if stage != "refine"] == [stage for stage in value if stage != "refine"]
    return bool(own == value)


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: _text(value) for key, value in row["setting"].items()}
    for target in ("box", "mask"):
        for name, value in row.get(target, {}).items():
            if not isinstance(value, (dict, list)):
                flat[f"{target} {name}"] = value
    return flat
