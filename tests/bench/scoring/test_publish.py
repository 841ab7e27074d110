"""Published figures: what the document says, and whether another run has the same ones."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bench.scoring.runs import COUNT, record, write_run
from zeroov.bench.runs.records import read_run
from zeroov.bench.scoring.publish import records_digest
from zeroov.cli.main import app

MADE = {
    "benchmark": "rrsisd",
    "split": "test",
    "questions": "0123",
    "zeroov": "0.1.0",
    "models": {"overview": {"model": "/models/qwen", "revision": "r1", "dtype": "float16"}},
    "overview.model": "/models/qwen",
    "evolve.alpha": 0.3,
    "min_score": 0.0,
    "said_absent": "keep",
    "stages": ["overview", "evolve"],
}
MANIFEST = {
    "recipe": "fast",
    "recipe_digest": "abc",
    "changes": {"overview.model": "/models/qwen"},
    "made_with": MADE,
    "device": "CPU",
    "commit": "11ad8e0",
    "packages": {"torch": "2.5"},
    "python": "3.11",
    "finished": "2026-11-30T00:00:00Z",
    "root": "/data/secret",
    "dumps": ["/runs/secret"],
    "command": ["bench", "run", "/data/secret"],
}


def answered(shift: int = 2):
    return [replace(record(n, shift), coarse_box=(10, 10, 30, 30 + n), seconds={"focus": 1.0}) for n in range(COUNT)]


def run_cli(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a", answered(), **MANIFEST)


def test_a_published_run_says_how_it_was_made_and_holds_no_path(folder, tmp_path):
    out = tmp_path / "a.json"
    asked = ("publish", folder, "--protocol", "honest,rsvg-zeroov", "--by", "kind")
    assert f"verify    zeroov bench verify RUN {out}" in run_cli(*asked, "--out", out).stdout
    document = json.loads(out.read_text())
    assert json.loads(run_cli(*asked).stdout) == document
    assert document["recipe"] == {
        "name": "fast",
        "changes": {"overview.model": "qwen"},
        "keys": {key: MADE[key] for key in ("evolve.alpha", "min_score", "said_absent", "stages")}
        | {"overview.model": "qwen"},
    }
    assert document["models"]["overview"] == {"model": "qwen", "revision": "r1", "dtype": "float16"}
    for name in ("device", "commit", "packages", "python", "finished", "recipe_digest"):
        assert document[name] == MANIFEST[name]
    assert (document["zeroov"], document["questions"], document["samples"]) == ("0.1.0", "0123", COUNT)
    assert document["counts"] == {"found": 12, "empty": 0, "failed": 0}
    assert [(score["protocol"], score["reading"]) for score in document["scores"]] == [
        (protocol, reading) for protocol in ("honest", "rsvg-zeroov") for reading in ("final", "coarse")
    ]
    rows = {(row["target"], row["group"]): row for row in document["scores"][0]["rows"]}
    assert rows["mask", ""]["figures"]["mIoU"]["value"] == pytest.approx(100 * 18 / 22)
    assert rows["mask", "(none)"]["samples"] == 6
    assert "secret" not in out.read_text()
    assert "/models" not in out.read_text()


def test_a_model_goes_by_its_folders_name_however_its_path_is_written(tmp_path):
    keys = {"overview.model": "./secret/qwen", "focus.model": "../home-of-jane/sd", "refine.checkpoint": "jane/sam.pth"}
    models = {
        "overview": {"model": "~/secret/qwen", "revision": "r1"},
        "focus": {"model": "someone/sd", "revision": "r2"},
        "refine": {"model": "secret/b/sam.pth", "revision": "r3"},
    }
    plain = {"overview.prompt": "/any text/{expression}", "zoom.ask": "model"}
    made = MADE | keys | plain | {"models": models}
    run = write_run(tmp_path / "a", answered(), **MANIFEST | {"made_with": made, "changes": keys})
    document = json.loads(run_cli("publish", run).stdout)
    named = {"overview.model": "qwen", "focus.model": "sd", "refine.checkpoint": "sam.pth"}
    assert document["recipe"]["changes"] == named
    assert named.items() <= document["recipe"]["keys"].items()
    assert plain.items() <= document["recipe"]["keys"].items()
    assert [each["model"] for each in document["models"].values()] == ["qwen", "someone/sd", "sam.pth"]
    assert [each["revision"] for each in document["models"].values()] == ["r1", "r2", "r3"]
    assert "secret" not in json.dumps(document)
    assert "jane" not in json.dumps(document)


def test_a_run_with_the_same_answers_verifies_whatever_its_order_seconds_and_device(folder, tmp_path):
    run_cli("publish", folder, "--by", "kind", "--out", tmp_path / "a.json")
    slower = [replace(r, seconds={"focus": 9.0}, dumps={"focus": "k"}) for r in reversed(answered())]
    again = write_run(tmp_path / "again", slower, **MANIFEST | {"device": "H200"})
    told = run_cli("verify", again, tmp_path / "a.json").stdout
    count = json.loads(run_cli("verify", again, tmp_path / "a.json", "--json").stdout)
    assert count["same"] is True
    assert {figure["verdict"] for figure in count["figures"]} == {"same"}
    assert len(count["figures"]) == 3 * 16 + 3 * 8  # boxes and masks, all and two kinds; coarse: boxes alone
    assert all(fact["same"] for fact in count["facts"])
    assert "72 of 72 figures are the same in two decimals; 63 of them are not shown (--json)" in told
    assert "mask Pr@0.9" not in told
    assert records_digest(read_run(again)) == records_digest(read_run(folder))


def test_each_figure_that_differs_is_named_and_the_exit_code_is_1(folder, tmp_path):
    run_cli("publish", folder, "--out", tmp_path / "a.json")
    records = answered()
    records[5] = replace(records[5], box=None, mask=None, status="empty", score=0.0)
    other = write_run(tmp_path / "other", records, **MANIFEST | {"recipe_digest": "xyz"})
    found = json.loads(run_cli("verify", other, tmp_path / "a.json", "--json", code=1).stdout)
    assert found["same"] is False
    verdicts = {figure["name"]: figure["verdict"] for figure in found["figures"]}
    assert verdicts["honest, final, mask Pr@0.5"] == "other"
    assert verdicts["honest, final, mask Pr@0.9"] == "same"  # none was that good
    assert verdicts["honest, coarse, box mIoU"] == "same"
    assert {fact["name"] for fact in found["facts"] if not fact["same"]} == {"counts", "recipe_digest", "records"}
    told = run_cli("verify", other, tmp_path / "a.json", code=1).stdout
    assert "recipe_digest  abc published, xyz here" in told
    assert "benchmark      the same" in told


def test_a_figure_inside_the_published_interval_is_near_and_one_half_of_a_printed_digit_is_the_same(folder, tmp_path):
    path = tmp_path / "a.json"
    run_cli("publish", folder, "--out", path)
    document = json.loads(path.read_text())
    figures = document["scores"][0]["rows"][0]["figures"]
    figures["mIoU"] |= {"value": figures["mIoU"]["value"] + 1, "low": 70.0, "high": 90.0}
    figures["oIoU"]["value"] += 0.004
    del figures["Pr@0.3"]
    path.write_text(json.dumps(document))
    found = json.loads(run_cli("verify", folder, path, "--json", code=1).stdout)["figures"]
    verdicts = {figure["name"]: figure["verdict"] for figure in found}
    assert verdicts["honest, final, box mIoU"] == "near"
    assert verdicts["honest, final, box oIoU"] == "same"
    assert verdicts["honest, final, box Pr@0.3"] == "missing"  # not published
    assert "near: inside the published 95 % interval" in run_cli("verify", folder, path, code=1).stdout


def test_what_the_other_run_has_no_answers_for_is_named_and_the_rest_is_compared(folder, tmp_path):
    run_cli("publish", folder, "--out", tmp_path / "a.json")
    records = [replace(each, coarse_box=None) for each in answered()]
    other = write_run(tmp_path / "other", records, **MANIFEST)
    found = json.loads(run_cli("verify", other, tmp_path / "a.json", "--json", code=1).stdout)
    assert {figure["verdict"] for figure in found["figures"]} == {"same"}
    assert {figure["name"].split(", ")[1] for figure in found["figures"]} == {"final"}
    (left,) = found["uncompared"]
    assert (left["name"], left["figures"], found["same"]) == ("honest, coarse", 8, False)
    told = run_cli("verify", other, tmp_path / "a.json", code=1).stdout
    assert "not compared: honest, coarse, 8 figures, since `other` has no coarse answers\n" in told
    assert "16 of 24 figures are the same in two decimals" in told


def test_a_protocol_that_finds_nothing_to_count_does_not_stop_the_others(folder, tmp_path):
    run_cli("publish", folder, "--protocol", "rmsin,honest", "--out", tmp_path / "a.json")
    boxes = write_run(tmp_path / "boxes", [replace(each, mask=None) for each in answered()], **MANIFEST)
    told = run_cli("verify", boxes, tmp_path / "a.json", code=1).stdout
    assert re.search(
        r"^not compared: rmsin, final, \d+ figures, since protocol rmsin scores a mask", told, re.MULTILINE
    )
    assert re.search(r"^honest, final, box mIoU .* same$", told, re.MULTILINE)
    assert re.search(r"^honest, final, mask mIoU .* - +missing$", told, re.MULTILINE)


def test_the_keys_of_the_recipe_that_differ_are_named_with_both_values(folder, tmp_path):
    run_cli("publish", folder, "--out", tmp_path / "a.json")
    made = {key: value for key, value in MADE.items() if key != "said_absent"}
    made |= {"evolve.alpha": 0.6, "overview.model": "/elsewhere/qwen", "stages": ["overview"]}
    other = write_run(tmp_path / "other", answered(), **MANIFEST | {"made_with": made, "recipe_digest": "xyz"})
    found = json.loads(run_cli("verify", other, tmp_path / "a.json", "--json").stdout)
    facts = {fact["name"]: (fact["published"], fact["here"]) for fact in found["facts"] if not fact["same"]}
    assert facts == {
        "recipe_digest": ("abc", "xyz"),
        "evolve.alpha": (0.3, 0.6),
        "said_absent": ("keep", None),
        "stages": (["overview", "evolve"], ["overview"]),
    }
    told = run_cli("verify", other, tmp_path / "a.json").stdout
    assert re.search(r"^evolve\.alpha +0\.3 published, 0\.6 here$", told, re.MULTILINE)
    plain = run_cli("verify", folder / "records.jsonl", tmp_path / "a.json").stdout
    assert "not compared: the recipe, since `records` does not say how it was made" in plain


def test_a_document_of_no_figures_verifies_nothing(folder, tmp_path):
    run_cli("publish", folder, "--out", tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(document | {"scores": []}))
    assert "0 of 0 figures" in run_cli("verify", folder, tmp_path / "a.json", code=1).stdout


def test_what_is_no_published_run_is_refused_in_one_line(folder, tmp_path):
    path = tmp_path / "a.json"
    run_cli("publish", folder, "--out", path)
    good = json.loads(path.read_text())
    score = good["scores"][0]
    wrong = [
        ("[", "cannot be read as JSON"),
        ("{}", "holds no published figures of format 1"),
        (json.dumps(good | {"recipe": ["mini"]}), "do not hold their recipe's keys"),
        (json.dumps(good | {"format": 2}), "holds no published figures of format 1"),
        (json.dumps(good | {"scores": [{}]}), "cannot be checked (KeyError"),
        (json.dumps(good | {"scores": [3]}), "cannot be checked (TypeError"),
        (json.dumps(good | {"scores": [score | {"protocol": "hones"}]}), "did you mean `honest`?"),
        (json.dumps(good | {"scores": [score | {"reading": "last"}]}), "no reading `last`"),
        (path.read_text().replace('"low": 0.0', '"low": NaN', 1), "cannot be read as JSON"),
        (path.read_text().replace('"low": 0.0', '"low": 1e999', 1), "cannot be read as JSON"),
        (path.read_text().replace('"low": 0.0', f'"low": 1{"0" * 400}', 1), "cannot be checked (OverflowError"),
    ]
    for text, message in wrong:
        path.write_text(text)
        error = run_cli("verify", folder, path, code=1).stderr
        assert message in error
        assert len(error.strip().splitlines()) == 1


def test_a_run_that_says_nothing_of_itself_is_not_published(folder):
    told = run_cli("publish", folder / "records.jsonl", code=2).stderr
    assert "has no manifest that says how it was made" in told
    for fault, message in (("made_with", "has no manifest that says"), ("device", "is no manifest")):
        odd = {"made_with": ["mini"], "device": float("nan")}[fault]
        write_run(folder, answered(), **MANIFEST | {fault: odd})
        assert message in run_cli("publish", folder, code=2 if fault == "made_with" else 1).stderr
    (folder / "manifest.json").unlink()
    assert "is not finished" in run_cli("publish", folder, code=1).stderr
