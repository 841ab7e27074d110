"""Tables that are pasted: Markdown, LaTeX and CSV, of one run and of several systems."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bench.scoring.runs import COUNT, record, truth, write_run
from zeroov.bench.scoring.tables import Cell, Table, as_csv, as_latex, as_markdown, with_best
from zeroov.cli.main import app

ODD = r"50% of $x_1 & {#3} ~a^b\|<c>[d]*"


def run_cli(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stderr if code else result.stdout


def records(shift, statuses=()):
    known = dict(statuses)
    return [record(number, shift, known.get(number, "found")) for number in range(COUNT)]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with two runs, of which the first was made with another alpha, and a file of boxes."""
    monkeypatch.chdir(tmp_path)
    made_with = {"benchmark": "rrsisd", "split": "test", "evolve.alpha": 0.3, "evolve.k": 7}
    write_run(tmp_path / "fast", records(2), recipe="mini", made_with=made_with)
    write_run(tmp_path / "b", records(6, [(1, "empty"), (2, "failed")]))
    (tmp_path / "peer.json").write_text(json.dumps({f"s/{number}": truth(number) for number in range(1, COUNT)}))
    return tmp_path


def rows_of_markdown(text: str) -> list[list[str]]:
    """Return the cells of a Markdown table, all rows of the same number of them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert len({len(row) for row in rows}) == 1
    assert all(set(cell) <= set(":-") for cell in rows[1])
    return [rows[0], *rows[2:]]


def rows_of_latex(text: str) -> list[list[str]]:
    """Return the cells of a `tabular`; braces are balanced, and every row fills the columns that are declared."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert code.startswith(r"\begin{tabular}{")
    assert code.endswith("\\bottomrule\n\\end{tabular}")
    bare = re.sub(r"\\[\\{}$&#%_]", "", code)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[#$%^~<>|]", bare)
    declared = re.match(r"\\begin\{tabular\}\{([lr]+)\}", code)
    assert declared
    rows = []
    for line in code.splitlines():
        if line.endswith(r" \\"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]
            wide = sum(int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", line))
            assert len(cells) + wide == len(declared[1]), line
            rows.append(cells)
    assert [code.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    return rows


def test_names_are_shown_as_they_are_in_every_format():
    cells = ((Cell("1.00"), Cell("2.00")), (Cell("3.00"), Cell("1.50")))
    table = Table(("system",), (("box", "mIoU"), ("box", "oIoU")), (((ODD,), cells[0]), (("[x]",), cells[1])), (ODD,))
    (head, first, second) = rows_of_markdown(as_markdown(table))
    assert head == ["system", "box mIoU", "box oIoU"]
    assert re.sub(r"\\(.)", r"\1", first[0]) == ODD
    assert r"\|" in first[0]
    assert second == [r"\[x\]", "3.00", "1.50"]
    *_, latex, bracket = rows_of_latex(as_latex(table))
    assert latex[0] == (
        r"50\% of \$x\_1 \& \{\#3\} \textasciitilde{}a\textasciicircum{}b\textbackslash{}\textbar{}"
        r"\textless{}c\textgreater{}{[}d{]}{*}"
    )
    assert bracket[0] == "{[}x{]}"  # behind \\ a bracket would be its option
    assert next(csv.reader(as_csv(table).splitlines()[1:])) == [ODD, "1.00", "2.00"]
    lines = as_latex(replace(table, notes=("two\nlines",))).splitlines()
    assert lines[1] == "% two lines"


def test_the_best_of_each_column_is_marked_where_there_is_one():
    heads = (("", "n"), ("box", "mIoU"), ("box", "oIoU"), ("mask", "mIoU"), ("", "pointing"))
    first = (Cell("12"), Cell("9.00"), Cell("5.00"), Cell("1.00"), Cell("7.00"))
    second = (Cell("13"), Cell("10.00"), Cell("5.00"), Cell(), Cell("7.50"))
    third = (Cell("13"), Cell("10.00"), Cell("5.00"), Cell(), Cell("7.50"))
    marked = with_best(Table(("system",), heads, ((("a",), first), (("b",), second), (("c",), third))))
    assert [[cell.best for cell in cells] for _, cells in marked.rows] == [
        [False, False, False, False, False],
        [False, True, False, False, True],
        [False, True, False, False, True],
    ]


def test_systems_in_every_format(folders):
    systems = ("compare", "ours=fast", "b", "peer_1=peer.json", "--format")
    head, ours, second, peer = rows_of_markdown(run_cli(*systems, "markdown"))
    assert head[:4] == ["system", "n", "box Pr@0.3", "box Pr@0.5"]
    assert [row[0] for row in (ours, second, peer)] == ["ours", "b", r"peer\_1"]
    place = head.index("mask mIoU")
    assert [row[place] for row in (ours, second, peer)] == ["**81.82**", "44.87", ""]
    place = head.index("box Pr@0.9")
    assert [row[place] for row in (ours, second, peer)] == ["0.00", "0.00", "**91.67**"]
    above, names, *rows = rows_of_latex(run_cli(*systems, "latex", "--intervals"))
    assert above[2:] == [r"\multicolumn{8}{c}{box}", r"\multicolumn{8}{c}{mask}"]
    assert names[2:4] == ["Pr@0.3", "Pr@0.5"]
    assert rows[2][0] == r"peer\_1"
    assert rows[0][-2] == r"\textbf{81.82} {\scriptsize {[}81.82, 81.82{]}}"
    header, *lines = csv.reader(run_cli(*systems, "csv", "--intervals").splitlines())
    named = dict(zip(header, lines[1], strict=True))
    assert (named["system"], named["n"], named["mask mIoU"]) == ("b", "12", "44.87")
    assert float(named["mask mIoU low"]) < 44.87 < float(named["mask mIoU high"])
    assert lines[2][-1] == ""
    document = run_cli(*systems, "json")
    assert document == run_cli(*systems[:-1], "--json")
    assert json.loads(document)["systems"][0]["figures"]["mask"]["mIoU"]["value"] == pytest.approx(100 * 18 / 22)


def test_the_text_of_a_comparison_has_intervals_where_they_are_asked_for(folders):
    assert "81.82 [81.82, 81.82]" not in run_cli("compare", "fast", "b")
    assert "81.82 [81.82, 81.82]" in run_cli("compare", "fast", "b", "--intervals")


def test_a_run_and_its_groups_in_every_format(folders):
    (head, *rows) = rows_of_markdown(run_cli("score", "b", "--by", "kind,category", "--format", "markdown"))
    assert head[:5] == ["system", "by", "group", "n", "box Pr@0.3"]
    assert [row[1:4] for row in rows] == [
        ["", "all", "12"],
        ["kind", "(none)", "6"],
        ["kind", "object-relative", "6"],
        ["category", "plane", "6"],
        ["category", "ship", "6"],
    ]
    assert not any("**" in cell for row in rows for cell in row)
    rows_of_latex(run_cli("score", "b", "--by", "size", "--format", "latex"))
    header, *lines = csv.reader(run_cli("score", "b", "--format", "csv").splitlines())
    assert len(lines) == 1
    assert dict(zip(header, lines[0], strict=True))["mask mIoU"] == "44.87"
    assert "low" not in " ".join(header)


def test_targets_with_other_counts_have_columns_of_their_own(folders):
    write_run(folders / "c", [replace(r, truth_mask=None) if r.id == "s/3" else r for r in records(0)])
    header, line = csv.reader(run_cli("score", "c", "--format", "csv").splitlines())
    named = dict(zip(header, line, strict=True))
    assert (named["box n"], named["mask n"]) == ("12", "11")
    assert "n" not in named


def test_a_system_has_the_name_that_it_is_given_and_says_what_differs_from_its_recipe(folders):
    text = run_cli("compare", "our method=fast", "b", "b=b")
    assert "  our method (rrsisd, test, mini, evolve.alpha = 0.3): 12 found" in text
    assert "  b (rrsisd, test, b): 10 found" in text
    assert "  b (2) (rrsisd, test, b): 10 found" in text
    (folders / "fast").rename(folders / "a=0.3")
    assert "  a=0.3 (rrsisd, test, mini, evolve.alpha = 0.3): 12 found" in run_cli("compare", "a=0.3", "b")
    assert "`nothing` does not exist" in run_cli("compare", "b", "x=nothing", code=2)
    assert "a system is PATH or NAME=PATH" in run_cli("compare", "b", "=b", code=2)
    assert "does not exist" in run_cli("compare", "b", "x=", code=2)


def test_what_a_run_says_of_its_recipe_goes_before_the_shipped_one_of_that_name(folders):
    changes = {"evolve.tau": 0.2, "stages": ["overview", "evolve"]}
    write_run(folders / "own", records(0), recipe="mini", changes=changes, made_with={"evolve.alpha": 0.9})
    assert run_cli("score", "own").startswith('own (mini, evolve.tau = 0.2, stages = ["overview", "evolve"])\n')
    many = {f"focus.{number}": "x" * 60 for number in range(6)}
    write_run(folders / "many", records(0), recipe="mine", changes=many)
    assert run_cli("score", "many").splitlines()[0].endswith(f"focus.3 = {'x' * 37}..., 2 more keys differ)")


@pytest.mark.parametrize("command", [("score", "b"), ("compare", "b", "fast")])
def test_formats_that_do_not_exist_or_contradict_are_refused(folders, command):
    assert "no table format `latx`; did you mean `latex`?" in run_cli(*command, "--format", "latx", code=2)
    assert "ask for two formats" in run_cli(*command, "--format", "csv", "--json", code=2)
