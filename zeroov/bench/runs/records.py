"""One line of JSON per sample: what was asked, what is true, what was answered. Scoring needs nothing else."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from zeroov.errors import UsageError, ZeroovError, did_you_mean
from zeroov.recipe.keys import to_plain

log = logging.getLogger("zeroov")

Corners = tuple[float, float, float, float]
Rle = Mapping[str, Any]
Reading = Literal["final", "coarse", "answer"]
READINGS: tuple[Reading, ...] = ("final", "coarse", "answer")
QUESTION = ("id", "image", "expression", "category", "kind")  # of a record, as of a sample
STATUSES = ("found", "empty", "failed")
COUNTS = re.compile(r"[0-o]*[0-O]")  # COCO's letters; the last one must say that its number ends there


@dataclass(frozen=True, kw_only=True)
class Record:
    """A sample with its truth and its answer. It holds the truth, so that scoring needs no data set.

    `truth_mask_unreadable` says that the sample has a true mask which could not be read, since its file is missing,
    damaged or of another size than the image. Such a sample is a miss; a question that has no truth does not count.

    `image` is a path below the data set's root, `hw` the image's size. Boxes are (x0, y0, x1, y1) in its pixels, half-
    open where they are predicted and as the data set has them where they are true; masks are COCO run lengths,
    `{"size": [H, W], "counts": text}`, of the image's size. `box` and `mask` are the answer, the `coarse_` ones what it
    was before Refine, `answer_box` the model's own box in the words of its `answer`. `point` is where the attention
    that was cut has its maximum, (x, y). `error` says why a sample failed. `seconds` and `dumps` are by stage.
    `candidates` are the boxes among which one was chosen, the best first, each with its `value`, its `sources` and
    whether it was `chosen`. `content` identifies the question, its image and its truth (`recording.contents_of`).
    """

    id: str
    image: str
    expression: str
    hw: tuple[int, int]
    status: Literal["found", "empty", "failed"]
    category: str = ""
    kind: str = ""
    truth_box: Corners | None = None
    truth_mask: Rle | None = None
    truth_mask_unreadable: bool = False
    box: Corners | None = None
    mask: Rle | None = None
    score: float = 0.0
    answer: str = ""
    answer_box: Corners | None = None
    coarse_box: Corners | None = None
    coarse_mask: Rle | None = None
    point: tuple[float, float] | None = None
    error: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    dumps: Mapping[str, str] = field(default_factory=dict)
    candidates: tuple[Mapping[str, Any], ...] = ()
    content: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "image", "expression", "category", "kind", "answer", "error", "content"):
            _require(isinstance(getattr(self, name), str), f"`{name}` is text", getattr(self, name))
        _require(self.id != "", "`id` names the sample", self.id)
        sized = _numbers(self.hw, 2) and all(isinstance(side, int) and side > 0 for side in self.hw)
        _require(sized, "`hw` is (height, width) in whole pixels", self.hw)
        _require(self.status in STATUSES, f"`status` is one of {', '.join(STATUSES)}", self.status)
        for name, count in (("truth_box", 4), ("box", 4), ("answer_box", 4), ("coarse_box", 4), ("point", 2)):
            value = getattr(self, name)
            _require(value is None or _numbers(value, count), f"`{name}` is null or {count} finite numbers", value)
        for name in ("truth_mask", "mask", "coarse_mask"):
            value = getattr(self, name)
            _require(value is None or is_rle(value, self.hw), f"`{name}` is null or an RLE of size {self.hw}", value)
        lost = self.truth_mask_unreadable
        _require(isinstance(lost, bool), "`truth_mask_unreadable` is true or false", lost)
        _require(not (lost and self.truth_mask), "`truth_mask_unreadable` goes without a `truth_mask`", lost)
        _require(_numbers((self.score,), 1), "`score` is a finite number", self.score)
        timed = isinstance(self.seconds, Mapping) and _numbers((*self.seconds.values(),), len(self.seconds))
        _require(timed, "`seconds` maps stages to numbers", self.seconds)
        keyed = isinstance(self.dumps, Mapping) and all(isinstance(key, str) for key in self.dumps.values())
        _require(keyed, "`dumps` maps stages to keys", self.dumps)
        listed = isinstance(self.candidates, tuple) and all(map(_is_candidate, self.candidates))
        _require(listed, "`candidates` are boxes with `value`, `sources` and `chosen`", self.candidates)
        found = self.box is not None or self.mask is not None
        _require(found == (self.status == "found"), "a box or a mask goes with `found`, and only with it", self.status)
        _require(bool(self.error) == (self.status == "failed"), "an `error` goes with `failed`, and only with it", "")

    def read(self, reading: Reading) -> tuple[Corners | None, Rle | None]:
        """Return the box and the mask of the final answer, of the one before Refine, or the model's own box."""
        if reading == "coarse":
            return self.coarse_box, self.coarse_mask
        return (self.answer_box, None) if reading == "answer" else (self.box, self.mask)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, every field of them; `from_json` makes the same record of them."""
        return {f.name: to_plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """Make a record of plain values; a field may be absent where it has a default, an unknown one is refused."""
        unknown = [key for key in value if key not in cls.__dataclass_fields__]
        if unknown:
            raise ValueError(f"a record has no field `{unknown[0]}`; another version of zeroov wrote it")
        missing = [key for key in ("id", "image", "expression", "hw", "status") if key not in value]
        if missing:
            raise ValueError(f"a record needs the field `{missing[0]}`")
        values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return cls(**values)


@dataclass(frozen=True)
class Run:
    """The records of a run, or of a file of records, in their order; `manifest` is empty where there is none."""

    name: str
    records: tuple[Record, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict)


def read_run(path: Path, *, partial: bool = False) -> Run:
    """Read a run's folder, or one file of records; a run that is not finished only if `partial` allows it.

    A run's manifest is written last: without it, or with fewer records than the `samples` it names, it is unfinished.
    """
    if not path.is_dir():
        if path.is_file() and not is_run(path):
            raise ZeroovError(f"`{path}` holds no records of a run: its first line is none; name a run's folder")
        return Run(path.resolve().stem, tuple(read_records(path)))
    whole = path / "records.jsonl"
    files = [whole] if whole.exists() else sorted(path.glob("records-*.jsonl"))
    if not files:
        raise ZeroovError(f"`{path}` is no run: it holds no records.jsonl; name the folder that `bench run` wrote")
    records = [record for file in files for record in read_records(file)]
    _refuse_twins(records, path)
    manifest = read_manifest(path / "manifest.json")
    expected = manifest.get("samples")
    lacks = f"{len(records)} of {expected} records" if manifest else "no manifest yet"
    if (not manifest or (isinstance(expected, int) and expected != len(records))) and not partial:
        raise ZeroovError(
            f"run `{path}` is not finished ({lacks}); give the same `zeroov bench run` again, which goes on where it "
            "stopped, or add --partial to look at what is there"
        )
    return Run(path.resolve().name, tuple(records), manifest)


def reading_named(name: str) -> Reading:
    """Return the reading of that name."""
    for reading in READINGS:
        if reading == name:
            return reading
    raise UsageError(f"no reading `{name}`{did_you_mean(name, READINGS)}")


def is_run(path: Path) -> bool:
    """Return whether a path is a run's folder or a file of records, and not another system's answers."""
    if path.is_dir():
        return any(path.glob("records*.jsonl")) or (path / "manifest.json").exists()
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"hw", "status"} <= set(first)


def read_records(path: Path) -> list[Record]:
    """Read a file of records. An unfinished last line is left out with a warning; anything else odd is refused."""
    records = []
    for number, value in _json_lines(path):
        try:
            records.append(Record.from_json(value))
        except (ValueError, TypeError) as error:
            raise ZeroovError(f"{path}:{number}: {error}") from error
    _refuse_twins(records, path)
    return records


def is_rle(value: Any, hw: tuple[int, int]) -> bool:
    """Return whether a value is the COCO run lengths of a mask of that size, as compressed text."""
    if not isinstance(value, Mapping) or set(value) != {"size", "counts"}:
        return False
    size, counts = value["size"], value["counts"]
    sized = isinstance(size, (list, tuple)) and list(size) == list(hw)
    return sized and isinstance(counts, str) and COUNTS.fullmatch(counts) is not None


def _is_candidate(value: Any) -> bool:
    """Return whether a value is what a record holds of a candidate."""
    if not isinstance(value, Mapping) or set(value) != {"box", "value", "sources", "chosen"}:
        return False
    box, sources = value["box"], value["sources"]
    return (
        isinstance(box, (list, tuple))
        and _numbers((*box,), 4)
        and _numbers((value["value"],), 1)
        and isinstance(value["chosen"], bool)
        and isinstance(sources, (list, tuple))
        and all(isinstance(source, str) for source in sources)
    )


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise ZeroovError(f"`{path}` cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError("a record is a JSON object")
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not line.endswith(b"\n"):
                log.warning("%s:%d: the last line was not finished; it is left out", path, number)
                return
            raise ZeroovError(f"{path}:{number}: no record: {error}") from error
        yield number, value


def read_manifest(path: Path) -> dict[str, Any]:
    """Read what a run says of itself; empty where there is no such file."""
    try:
        value = json.loads(path.read_bytes())
        json.dumps(value, allow_nan=False)  # Python reads NaN and 1e999, and JSON has neither
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ZeroovError(f"`{path}` is no manifest: {error}") from error
    if not isinstance(value, dict):
        raise ZeroovError(f"`{path}` is no manifest: a JSON object is expected")
    return value


def _refuse_twins(records: list[Record], path: Path) -> None:
    ids = set()
    for record in records:
        if record.id in ids:
            raise ZeroovError(f"`{path}` holds sample `{record.id}` twice; every sample has one record")
        ids.add(record.id)


def _require(condition: bool, expected: str, got: Any) -> None:
    if not condition:
        raise ValueError(f"{expected}, got {str(got)[:80]!r}")


def _numbers(value: Any, count: int) -> bool:
    """Return whether a value is a tuple of so many finite numbers; true and false are none."""
    if not isinstance(value, tuple) or len(value) != count:
        return False
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= sys.float_info.max for v in value)
