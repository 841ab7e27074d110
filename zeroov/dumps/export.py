"""Dumps for people without zeroov: one npz a sample; and dumps in less room: affinities in one byte a cell."""

from __future__ import annotations

import io
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.dumps.about import STAGES
from zeroov.dumps.partners import fitting, focus_index
from zeroov.dumps.store import Dump, DumpStore, read_dump
from zeroov.dumps.values import to_affinity, to_overview, write_quantised
from zeroov.errors import DumpError, OutputError
from zeroov.files.atomic import ensure_writable_folder, require_writable_folder, write_atomically

log = logging.getLogger("zeroov")
Arrays = dict[str, NDArray[Any]]


def export(maps: DumpStore, out: Path) -> Iterator[Path]:
    """Write one npz for each Overview dump, with what else there is of its sample; yield each file.

    `overview_layers` (L, rows, cols), `overview_layer_numbers`, `overview_cross` (rows, cols); `focus_affinity` (n, n),
    row = query cell, `focus_grid_hw`; `evolve_cross_on_grid`, `evolve_fused`, `evolve_region`, `evolve_seeds`,
    `evolve_mask`. Where a sample has several dumps of a stage, `focus_` becomes `focus_<first digits of its key>_`.
    `about` is JSON text: the header of each dump. Focus dumps that serve no Overview dump get a file of their own.
    """
    require_writable_folder(out)
    focuses, evolves, served = focus_index(maps), _evolves(maps), set[str]()
    for dump in maps.all("overview"):
        others = fitting(dump, focuses.get(dump.about["picture"]["digest"], []))
        served |= {other.key for other in others}
        yield _write(out, [dump, *_read([*others, *evolves[dump.key]])])
    for alone in (dump for found in focuses.values() for dump in found if dump.key not in served):
        if dumps := list(_read([alone])):
            yield _write(out, dumps)


def quantise_all(maps: DumpStore, out: DumpStore) -> Iterator[Dump]:
    """Copy a folder with every affinity in one byte a cell; yield each Focus dump that is written.

    Focus dumps that are quantised already, and those of the other stages, are copied as they are.
    """
    if maps.folder.resolve() == out.folder.resolve():
        raise OutputError(f"`{out.folder}` is the folder of the dumps themselves; name another with --out")
    require_writable_folder(out.folder)
    for stage in (stage for stage in STAGES if stage != "focus"):
        for dump in maps.all(stage):
            _copy(dump, out)
    for dump in maps.all("focus"):
        if "quantised" in dump.about:
            _copy(dump, out)
        else:
            yield write_quantised(out, dump)


def _copy(dump: Dump, out: DumpStore) -> None:
    ensure_writable_folder(out.folder)
    write_atomically(out.path(dump.stage, dump.key), dump.path.read_bytes())


def _evolves(maps: DumpStore) -> dict[str, list[Dump]]:
    """Return the headers of the Evolve dumps by the key of their Overview dump."""
    found: dict[str, list[Dump]] = defaultdict(list)
    for dump in maps.all("evolve", headers_only=True):
        found[dump.about["settings"]["overview"]].append(dump)
    return found


def _read(headers: Iterable[Dump]) -> Iterator[Dump]:
    """Yield the dumps whole; one that cannot be read is reported and left out."""
    for header in headers:
        try:
            yield read_dump(header.path)
        except DumpError as error:
            log.warning("%s; it is left out", error)


def _write(out: Path, dumps: Sequence[Dump]) -> Path:
    arrays: Arrays = {}
    for dump in dumps:
        same_stage = sum(other.stage == dump.stage for other in dumps)
        prefix = f"{dump.stage}_{dump.key[:8]}_" if same_stage > 1 else f"{dump.stage}_"
        arrays |= {prefix + name: array for name, array in _arrays(dump).items()}
    first = dumps[0]
    headers = [{"stage": dump.stage, "key": dump.key, **dump.about} for dump in dumps]
    arrays["about"] = np.array(json.dumps(headers, ensure_ascii=False))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    stem = PurePath(first.about["picture"]["source"]).stem[:80]
    path = ensure_writable_folder(out) / f"{stem}-{first.key[:8]}.npz"
    write_atomically(path, buffer.getvalue())
    return path


def _arrays(dump: Dump) -> Arrays:
    if dump.stage == "focus":
        affinity = to_affinity(dump)
        return {"affinity": affinity.matrix, "grid_hw": np.array(affinity.grid_hw)}
    if dump.stage == "overview":
        return {**dump.arrays, "layer_numbers": np.array(to_overview(dump).layer_numbers)}
    return dict(dump.arrays)
