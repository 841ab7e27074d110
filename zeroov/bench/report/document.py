"""Put a run's report together: one HTML file that needs nothing else, on a screen and on paper."""

from __future__ import annotations

import base64
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath
from typing import Any

from zeroov import recipe as recipes
from zeroov.bench.report.cases import Case
from zeroov.bench.report.markup import Markup, element, joined, quoted, table
from zeroov.bench.report.plots import MOST, Group, histogram, interval_plot
from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.about import about, changes, made_with
from zeroov.bench.scoring.protocols import TARGETS, Target
from zeroov.bench.scoring.publish import models_of, recipe_keys, without_folders
from zeroov.bench.scoring.score import IN_GROUPS, Figure, Row, Score
from zeroov.bench.scoring.tables import percent
from zeroov.errors import count_of
from zeroov.version import __version__

FAILURES = 200  # rows at most
GROUPS = ("kind", "size", "category")
SAFE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # no script runs, nothing is fetched
FOLDERS = re.compile(r"(?<![\w.~…-])(?:/[^/\s`'\"=,]+)+/(?=[^/\s`'\"=,]+)")
SIZES = (
    "Sizes: the true object takes less than 1/300 of the image (small), 3 % or more (large); unknown where the truth "
    "cannot be read."
)


@dataclass(frozen=True)
class Report:
    """All that a report shows."""

    run: Run
    score: Score
    by: Target
    ious: Sequence[float]
    worst: Sequence[Case]
    best: Sequence[Case]

    @property
    def pictures(self) -> int:
        """How many pictures there are."""
        return sum(len(case.pictures) for case in (*self.worst, *self.best))

    def to_html(self) -> str:
        """Return the file's text."""
        sections = [
            ("figures", "Figures", self._figures()),
            ("groups", "By kind, size and category", self._groups()),
            ("worst", "Worst answers", self._cases(self.worst, "lowest")),
            ("best", "Best answers", self._cases(self.best, "highest")),
            ("failures", "Failures", self._failures()),
            ("recipe", "Recipe", self._recipe()),
            ("machine", "Machine", self._machine()),
        ]
        links = joined(element("a", title, href=f"#{name}") for name, title, _ in sections)
        main = [element("section", element("h2", title), *parts, id=name) for name, title, parts in sections]
        style = Markup(resources.files("zeroov.bench.report").joinpath("style.css").read_text())
        head = [
            element("meta", charset="utf-8"),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{SAFE}">'),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", f"{self.run.name}: report of a zeroov run"),
            element("style", style),
        ]
        body = element("body", *self._head(), element("nav", links), *main, self._foot())
        return f"<!doctype html>\n{element('html', element('head', *head), body, lang='en')}\n"

    def _head(self) -> Iterator[Markup]:
        score = self.score
        counts = ", ".join(f"{count:,} {status}" for status, count in score.statuses.items())
        yield element("h1", quoted(self.run.name))
        public = {**self.run.manifest, "changes": without_folders(changes(self.run.manifest))}
        yield element("p", quoted(about(public) or "a file of records, without a manifest"))
        yield element("p", f"{score.counted}: {counts}. Answers read: {score.reading}.")
        yield element("p", f"Protocol {score.protocol.name}: {score.protocol.about}", class_="soft")

    def _figures(self) -> Iterator[Markup]:
        yield from self._table([row for row in self.score.rows if not row.by])
        if weighted := [row for row in self.score.rows if row.by == "weight"]:
            yield element("h3", "With the shares that kinds of expression have in real data")
            yield from self._table(weighted)
        if self.score.absent:
            said = str(self.score.absent)
            yield element("p", f"{said[0].upper()}{said[1:]}.")
        yield element("h3", f"How many answers have which {self.by} IoU")
        yield histogram(self.ious, f"{self.by} IoU in percent")
        yield element("p", "Samples that failed are not drawn. Intervals are bootstrapped.", class_="soft")

    def _table(self, rows: Sequence[Row]) -> Iterator[Markup]:
        names = list(dict.fromkeys(name for row in rows for name in row.figures))
        head = ["percent [95 % interval]", *(f"{row.target}, n = {row.samples:,}" for row in rows)]
        yield table(head, ([name, *(_cell(row, name) for row in rows)] for name in names))

    def _groups(self) -> Iterator[Markup]:
        for by in GROUPS:
            rows = [row for row in self.score.rows if row.by == by]
            own = {group: {row.target: row for row in rows if row.group == group} for group in _names(rows)}
            if set(own) <= {"(none)"}:
                yield element("p", f"The data set has no {by}.", class_="soft")
                continue
            yield element("h3", f"By {by}")
            shown = sorted(own, key=lambda group: -_samples(own[group]))[:MOST]
            groups = [Group(name, _samples(of), _means(of)) for name, of in own.items() if name in shown]
            yield interval_plot(
                groups, [t for t in ("box", "mask") if any(t in g.figures for g in groups)], "mIoU, percent"
            )
            if len(own) > MOST:
                yield element("p", f"Drawn are the {MOST} largest of {len(own)} groups.", class_="soft")
            yield _group_table(by, own)
        yield element("p", SIZES, class_="soft")

    def _cases(self, cases: Sequence[Case], end: str) -> Iterator[Markup]:
        if not cases:
            yield element("p", "None are shown.", class_="soft")
            return
        yield element(
            "p",
            f"The {count_of(len(cases), 'answer')} with the {end} {self.by} IoU, without those that failed, and what "
            "each stage made of them. A dashed box is the model's own.",
            class_="soft",
        )
        yield from (_case(case, self._plain(case.missing)) for case in cases)

    def _failures(self) -> Iterator[Markup]:
        failed = [record for record in self.run.records if record.status == "failed"]
        if not failed:
            yield element("p", "No sample failed.")
            return
        stages = Counter(record.error.partition(":")[0] for record in failed)
        where = ", ".join(f"{count:,} in {stage}" for stage, count in stages.items())
        yield element("p", f"{len(failed):,} of {len(self.run.records):,} samples failed: {where}.")
        cells = [
            [quoted(record.id), quoted(record.image), quoted(record.expression), quoted(self._plain(record.error))]
            for record in failed[:FAILURES]
        ]
        yield table(["sample", "image", "expression", "reason"], cells, labels=4, class_="long")
        if len(failed) > FAILURES:
            yield element("p", f"These are the first {FAILURES}; records.jsonl holds all.", class_="soft")

    def _recipe(self) -> Iterator[Markup]:
        manifest = self.run.manifest
        made = recipe_keys(self.run)
        if not made:
            yield element("p", "Nothing says which recipe made these records.", class_="soft")
            return
        name, changed = str(manifest.get("recipe", "")), changes(manifest)
        differs = "in what is not recorded" if not changed and name not in recipes.names() else "in nothing"
        differs = f"in {', '.join(changed)}" if changed else differs
        digest = manifest.get("recipe_digest", "unknown")
        yield element("p", f"Recipe {name}, digest {digest}. It differs from the recipe of that name {differs}.")
        yield element(
            "p",
            "Command: ",
            element("code", self._plain(shlex.join(["zeroov", *map(str, manifest.get("command", []))]))),
        )
        rows = [[element("code", key), element("code", self._plain(_value(value)))] for key, value in made.items()]
        own = [row for row, key in zip(rows, made, strict=True) if key in changed]
        if own:
            yield table(["changed key", "value"], own, labels=2, class_="long changed")
        yield table(["key", "value"], rows, labels=2, class_="long")

    def _machine(self) -> Iterator[Markup]:
        manifest = self.run.manifest
        if not manifest:
            yield element("p", "Nothing says which machine made these records.", class_="soft")
            return
        facts = {
            "device": manifest.get("device"),
            "finished": manifest.get("finished"),
            "zeroov": made_with(manifest).get("zeroov"),
            "commit": manifest.get("commit"),
            "python": manifest.get("python"),
            **manifest.get("packages", {}),
        }
        yield table(["what", "value"], [[key, str(value)] for key, value in facts.items() if value], labels=2)
        samples, peaks = max(manifest.get("samples", 0), 1), manifest.get("peak_bytes", {})
        seconds = manifest.get("seconds", {})
        yield table(
            ["stage", "seconds in all", "seconds a sample", "peak memory, MiB"],
            [
                [
                    stage,
                    f"{spent:,.1f}",
                    f"{spent / samples:.3f}",
                    f"{peaks[stage] / 2**20:,.0f}" if peaks.get(stage) else "",
                ]
                for stage, spent in seconds.items()
            ],
        )
        cells = [
            [stage, *(self._plain(str(of.get(k, ""))) for k in ("model", "revision", "dtype"))]
            for stage, of in models_of(made_with(manifest)).items()
        ]
        if cells:
            yield table(["stage", "model", "revision", "dtype"], cells, labels=4, class_="long")

    def _foot(self) -> Markup:
        size = sum(len(picture.jpeg) for case in (*self.worst, *self.best) for picture in case.pictures)
        return element(
            "footer",
            element(
                "p",
                f"Made by zeroov {__version__}. This file holds {count_of(self.pictures, 'picture')} of "
                f"{size / 1e3:,.0f} kB. Folders in front of the names of files are left out.",
                class_="soft",
            ),
        )

    def _plain(self, text: str) -> str:
        """Return a text of this machine for others: without the folders in which its files are."""
        root = str(self.run.manifest.get("root", "")).rstrip("/\\")
        if root:  # which may have blanks in its name
            text = text.replace(root + "/", "…/").replace(root, f"…/{PurePath(root).name}")
        return FOLDERS.sub("…/", text)


def _case(case: Case, missing: str) -> Markup:
    record = case.record
    what = " · ".join(part for part in (record.category, record.kind) if part)
    ious = ", ".join(f"{target} IoU {percent(case.ious[target])}" for target in TARGETS if target in case.ious)
    lines = [
        element("h3", quoted(record.expression)),
        element("p", "Sample ", quoted(record.id), ", image ", quoted(record.image), ". ", quoted(what), class_="soft"),
        element(
            "p", f"{ious or 'no overlap'}; score {record.score:.2f}; {record.status}. Answer: ", quoted(record.answer)
        ),
    ]
    figures = [
        element(
            "figure",
            element(
                "img",
                src="data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode(),
                alt=f"{picture.title}, sample {record.id}",
            ),
            element("figcaption", picture.title, element("span", picture.caption)),
        )
        for picture in case.pictures
    ]
    if missing:
        lines.append(element("p", f"Not all stages are shown: {missing}", class_="soft"))
    return element("article", *lines, *([element("div", *figures, class_="stages")] if figures else []))


def _group_table(by: str, own: Mapping[str, Mapping[Target, Row]]) -> Markup:
    rows = [row for of in own.values() for row in of.values()]
    shown = [(t, name) for t in TARGETS for name in IN_GROUPS if any(r.target == t and name in r.figures for r in rows)]
    head = [by, "n", *(name if target == "point" else f"{target} {name}" for target, name in shown)]
    cells = []
    for group, of in own.items():
        figures = [percent(of[t].figures[name].value) if t in of else "" for t, name in shown]
        cells.append([quoted(group), f"{_samples(of):,}", *figures])
    return table(head, cells)


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.group for row in rows))


def _samples(of: Mapping[Target, Row]) -> int:
    return max(row.samples for row in of.values())


def _means(of: Mapping[Target, Row]) -> dict[str, Figure]:
    """Return the mean IoU of boxes and of masks; where a protocol has none, how many are above its first threshold."""
    return {
        target: row.figures.get("mIoU", next(iter(row.figures.values())))
        for target, row in of.items()
        if target != "point"
    }


def _cell(row: Row, name: str) -> str:
    return row.figures[name].cell(True).plain if name in row.figures else ""


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
