from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.bench.scoring.runs import COUNT, record, rectangle, truth, write_images, write_run
from zeroov.bench.runs.records import Run, read_run
from zeroov.bench.scoring.compare import compare
from zeroov.bench.scoring.peers import read_peer
from zeroov.bench.scoring.pictures import _shown
from zeroov.bench.scoring.protocols import named
from zeroov.bench.scoring.score import size_class
from zeroov.bench.scoring.statistics import paired
from zeroov.cli.main import app
from zeroov.errors import UsageError

HONEST = named("honest")


def run_of(name, shift=0, statuses=()):
    known = dict(statuses)
    return Run(name, tuple(record(number, shift, known.get(number, "found")) for number in range(COUNT)))


def test_differences_are_those_of_a_paired_test():
    found = compare([run_of("a"), run_of("b", 5, [(2, "empty"), (3, "failed")])], HONEST)
    first, second = found.systems
    assert first.values["box"]["mIoU"] == 1.0
    assert not first.against
    per_sample = np.full(COUNT, 15 / 25)
    per_sample[[2, 3]] = 0
    assert second.values["mask"]["mIoU"] == pytest.approx(per_sample.mean())
    expected = paired(np.ones(COUNT), per_sample)
    assert second.against["mask"]["mIoU"] == pytest.approx(expected)
    overall = second.against["box"]["oIoU"]
    heights = np.arange(COUNT) + 20.0  # of true boxes that are 20 wide
    widths = np.where(per_sample > 0, 25, 20)  # of the unions; a miss adds the true box
    assert overall.difference == pytest.approx((heights * 15)[per_sample > 0].sum() / (heights * widths).sum() - 1)
    assert second.against["box"]["Pr@0.6"].difference == -1.0  # 15 / 25 is no hit above 0.6


def test_a_run_does_not_differ_from_itself():
    found = compare([run_of("a", 5), run_of("a", 5)], HONEST)
    assert [system.run.name for system in found.systems] == ["a", "a (2)"]
    assert all(test.p == 1.0 and test.difference == 0.0 for test in found.systems[1].against["box"].values())
    assert found.worst == ()


def test_the_samples_that_differ_most_come_first():
    second = run_of("b", 1, [(7, "failed")])
    found = compare([run_of("a"), second], HONEST, worst=3)
    assert found.worst[0].record.id == "s/7"
    assert found.worst[0].ious == (1.0, 0.0)
    assert [case.record.id for case in found.worst[1:]] == ["s/0", "s/1"]  # ties in their order
    assert np.ptp(found.worst[1].ious) == pytest.approx(1 - 19 / 21)


def test_failed_samples_leave_the_pairs_where_the_protocol_leaves_them_out():
    found = compare([run_of("a", 0, [(0, "failed")]), run_of("b", 0, [(1, "failed")])], named("rsvg-zeroov"))
    assert found.systems[1].values["mask"]["mIoU"] == pytest.approx(1.0)
    assert found.systems[1].against["mask"]["mIoU"].difference == 0.0


def test_only_common_samples_are_compared_and_that_is_told():
    shorter = replace(run_of("b"), records=run_of("b").records[4:])
    found = compare([run_of("a"), shorter], HONEST)
    assert len(found.systems[0].run.records) == COUNT - 4
    assert found.remarks == ("4 of 12 samples of `a` left out, since not all runs have them",)
    other = replace(run_of("c"), records=tuple(replace(r, id="x" + r.id) for r in run_of("c").records))
    with pytest.raises(UsageError, match="`a` and `c` have no sample in common"):
        compare([run_of("a"), other], HONEST)


def test_runs_of_another_truth_are_refused():
    moved = replace(run_of("b"), records=tuple(replace(r, truth_box=(0, 0, 1, 1)) for r in run_of("b").records))
    with pytest.raises(UsageError, match=r"sample `s/[0-9]+` has another truth in `b` than in `a`"):
        compare([run_of("a"), moved], HONEST)


def test_sizes_as_shares_of_the_image():
    def sized(side):
        return replace(record(0), hw=(480, 640), truth_box=(0, 0, side, side), truth_mask=None, mask=None)

    assert [size_class(sized(side)) for side in (31, 32, 95, 96)] == ["small", "medium", "medium", "large"]


def run_cli(*arguments, code=0):
    result = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    assert result.exit_code == code, result.output
    if code:
        assert "\nerror: " in "\n" + result.stderr
        assert "Traceback" not in result.output
    return result


def test_a_run_with_a_limit_says_of_how_many_samples(tmp_path):
    def run_made(name, **manifest):
        made = {"benchmark": "rrsisd", "split": "test", "samples": COUNT}
        return str(write_run(tmp_path / name, [record(n) for n in range(COUNT)], made_with=made, **manifest))

    limited = run_made("limited", split_samples=240)
    for other in (run_made("whole", split_samples=COUNT), run_made("older")):
        assert "12 samples: 12 found" in CliRunner().invoke(app, ["bench", "score", other]).output
        said = CliRunner().invoke(app, ["bench", "compare", other, limited]).output
        assert "12 samples of 240 (--limit), protocol honest" in said
    head, *_ = (
        CliRunner().invoke(app, ["bench", "score", limited, "--format", "markdown"]).output.split("protocol honest")
    )
    assert "12 samples of 240 (--limit): 12 found" in head
    published = json.loads(CliRunner().invoke(app, ["bench", "publish", limited]).output)
    assert (published["samples"], published["limited_from"]) == (12, 240)
    page = tmp_path / "report.html"
    CliRunner().invoke(app, ["report", limited, "--cases", "0", "--out", str(page)])
    assert "12 samples of 240 (--limit): 12 found" in page.read_text()


@pytest.fixture
def folders(tmp_path):
    root = write_images(tmp_path / "data")
    first = write_run(tmp_path / "a", list(run_of("a", 2).records), root=str(root))
    statuses = [(1, "empty"), (2, "failed")]
    second = write_run(tmp_path / "b", list(run_of("b", 6, statuses).records), root=str(root))
    boxes = {f"s/{number}": truth(number) for number in range(1, COUNT)}
    (tmp_path / "lqvg.json").write_text(json.dumps(boxes))
    (tmp_path / "masks" / "s").mkdir(parents=True)
    for number in range(COUNT):
        mask = rectangle(*truth(number)).astype(np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / "masks" / "s" / f"{number}.png")
    return tmp_path, first, second


def test_score_command(folders):
    _, _, second = folders
    told = run_cli("score", second, "--by", "category,kind,size").stdout
    assert "b (rrsisd, test, b)" in told
    assert "12 samples: 10 found, 1 empty, 1 failed" in told
    assert "\nby kind " in told
    assert "\n(none) " in told
    found = json.loads(run_cli("score", second, "--by", "kind", "--json").stdout)
    assert (found["samples"], found["failed"], found["protocol"]) == (12, 1, "honest")
    [whole] = [row for row in found["rows"] if row["target"] == "mask" and not row["by"]]
    iou = whole["figures"]["mIoU"]
    assert found["unit"] == "percent"
    assert iou["value"] == pytest.approx(100 * 10 / 12 * 14 / 26)
    assert iou["low"] < iou["value"] < iou["high"]
    assert {row["group"]: row["samples"] for row in found["rows"] if row["by"] and row["target"] == "box"} == {
        "(none)": 6,
        "object-relative": 6,
    }
    reproduced = json.loads(run_cli("score", second, "--protocol", "rsvg-zeroov", "--json").stdout)
    assert reproduced["rows"][0]["samples"] == 11
    assert run_cli("score", second / "records.jsonl", "--json").stdout.replace('"records"', '"b"') != ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["score", "a", "--protocol", "rsvg-zerov"], 2, "did you mean `rsvg-zeroov`?"),
        (["score", "a", "--by", "kinds"], 2, "no breakdown by `kinds`; did you mean `kind`?"),
        (["score", "a", "--reading", "first"], 2, "no reading `first`"),
        (["score", "a", "--reading", "coarse"], 0, ""),
        (["score", "a", "--protocol", "rmsin", "--reading", "answer"], 2, "has none as its answer answer"),
        (["score", "nothing"], 1, "cannot be read"),
        (["score", "lqvg.json"], 1, "holds no records of a run"),
        (["compare", "a"], 2, "two systems at least"),
        (["compare", "lqvg.json", "a"], 2, "`lqvg.json` is no run; name one first"),
        (["compare", "a", "nothing"], 2, "`nothing` does not exist"),
        (["compare", "a", "lqvg.json", "--boxes", "xyhw"], 2, "`boxes` cannot be `xyhw`"),
        (["compare", "a", "lqvg.json", "--protocol", "rmsin"], 2, "rmsin scores a mask; `lqvg` has none"),
        (["compare", "a", "b", "--pictures", "out", "--root", "elsewhere"], 2, "none of the images is below"),
    ],
)
def test_what_a_command_says(folders, monkeypatch, arguments, code, message):
    monkeypatch.chdir(folders[0])
    assert message in run_cli(*arguments, code=code).stderr


def test_an_unfinished_run_is_not_scored_by_mistake(folders):
    _, first, _ = folders
    (first / "manifest.json").unlink()
    assert "is not finished" in run_cli("score", first, code=1).stderr
    run_cli("score", first, "--partial")
    pictures = run_cli("compare", first, first, "--partial", "--pictures", first / "out", code=2)
    assert "add --root" in pictures.stderr


def test_compare_command(folders):
    base, first, second = folders
    others = second, base / "lqvg.json", base / "masks"
    result = run_cli("compare", first, *others, "--pictures", base / "out", "--worst", 3)
    assert "note: `" in result.stderr
    assert "1 of 12 samples without an answer, counted as failed (`s/0`)" in result.stderr
    assert "\nmasks " in result.stdout
    assert "\n  difference" in result.stdout
    assert result.stdout.rstrip().endswith(f"3 samples drawn in {base / 'out'}")
    names = sorted(path.name for path in (base / "out").iterdir())
    assert [name[:5] for name in names] == ["01_s_", "02_s_", "03_s_"]
    with Image.open(base / "out" / names[0]) as image:
        assert image.width > 700
    found = json.loads(run_cli("compare", first, *others, "--json", "--protocol", "lqvg").stdout)
    assert [system["name"] for system in found["systems"]] == ["a", "b", "lqvg", "masks"]
    perfect = found["systems"][3]["figures"]["box"]["mIoU"]
    assert perfect["value"] == 100.0
    assert perfect["interval"] == [100.0, 100.0]
    assert perfect["difference"] > 1
    assert 0 < perfect["p"] < 0.01
    assert len(found["worst"]) == 12
    assert set(found["worst"][0]["ious"]) == {"a", "b", "lqvg", "masks"}
    assert found["pictures"] == []


def test_a_picture_says_what_is_dashed_and_every_iou(folders):
    base, first, _ = folders
    second = write_run(base / "c", list(run_of("c", 5, [(4, "failed")]).records))
    peer = read_peer(base / "lqvg.json", read_run(first)).run
    found = compare([read_run(first), read_run(second), peer], HONEST)
    case = next(case for case in found.worst if case.record.id == "s/2")
    truth, ours, theirs, boxes = _shown(found, case)
    assert (truth.title, case.target) == ("Truth (dashed beside)", "box")
    assert ours.caption == "mask IoU 0.82, box IoU 0.82"
    assert theirs.caption == "mask IoU 0.60, box IoU 0.60"
    assert boxes.caption == "box IoU 1.00"
    failed = next(case for case in found.worst if case.record.id == "s/4")
    assert _shown(found, failed)[2].caption == "failed: overview: out of memory"
    assert [shown.missing for shown in _shown(found, failed)] == [False, False, True, False]


def test_another_system_has_one_answer_for_every_reading(folders):
    base, first, _ = folders
    records = [replace(r, coarse_box=(0, 0, 5, 5), answer_box=(0, 0, 5, 5)) for r in run_of("a").records]
    write_run(first, records)
    for reading in ("coarse", "answer"):
        arguments = ("compare", first, base / "lqvg.json", "--reading", reading, "--json")
        ours, theirs = json.loads(run_cli(*arguments).stdout)["systems"]
        assert ours["figures"]["box"]["mIoU"]["value"] == 0.0
        assert theirs["figures"]["box"]["mIoU"]["value"] == pytest.approx(100 * 11 / 12)


def test_a_missing_image_is_told_and_drawn_as_a_grey_plane(folders):
    base, first, second = folders
    (base / "data" / "images" / "2.png").unlink()
    told = run_cli("compare", first, second, "--pictures", base / "out", "--worst", 2).stderr
    assert "the image of sample `s/2`, `images/2.png`, cannot be drawn" in told
    assert len(list((base / "out").iterdir())) == 2


def test_an_image_never_comes_from_outside_the_root(folders):
    base, first, second = folders
    records = [replace(r, image="../data/images/0.png") for r in run_of("a", 2).records]
    write_run(first, records, root=str(base / "data"))
    told = run_cli("compare", first, second, "--pictures", base / "out", code=2).stderr
    assert "none of the images is below" in told


def test_protocols_command():
    assert "honest (default)" in run_cli("protocols").stdout
    assert len(json.loads(run_cli("protocols", "--json").stdout)) == 18


def test_scoring_needs_neither_torch_nor_matplotlib(folders):
    source = (
        "import sys; from zeroov.cli.main import app; assert 'pycocotools' not in sys.modules\n"
        f"try: app(['bench', 'score', {str(folders[1])!r}, '--json'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", source], check=False, capture_output=True).returncode == 0
