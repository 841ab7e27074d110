"""Every protocol's habits, by hand. Boxes are (x0, y0, x1, y1); `None` is no answer, "failed" a sample that failed."""

from __future__ import annotations

import numpy as np
import pytest

from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.protocols import PROTOCOLS, named
from zeroov.bench.scoring.score import score
from zeroov.errors import UsageError
from zeroov.outputs.rle import encode_rle


def boxes(*cases, hw=(800, 800)):
    """Return a run of (predicted, true[, hw]) boxes."""
    records = []
    for number, (predicted, truth, *own_hw) in enumerate(cases):
        answer = {"status": "found", "box": predicted}
        if predicted in (None, "failed"):
            answer = {"status": "empty"} if predicted is None else {"status": "failed", "error": "memory"}
        own = own_hw[0] if own_hw else hw
        records.append(Record(id=str(number), image="a", expression="it", hw=own, truth_box=truth, **answer))
    return Run("run", tuple(records))


def masks(*cases):
    """Return a run of (predicted, true) masks."""
    records = []
    for number, (predicted, truth) in enumerate(cases):
        answer = {"status": "empty"} if predicted is None else {"status": "found", "mask": encode_rle(predicted)}
        common = {"id": str(number), "image": "a", "expression": "it", "hw": truth.shape}
        records.append(Record(**common, truth_mask=encode_rle(truth), **answer))
    return Run("run", tuple(records))


def read(run, name, target):
    [row] = [row for row in score(run, named(name)).rows if row.target == target]
    return row.samples, {figure: found.value for figure, found in row.figures.items()}


def rectangle(hw, x0, y0, x1, y1):
    mask = np.zeros(hw, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


HALF = (0, 0, 400, 200), (0, 0, 400, 400)  # IoU exactly 0.5 as half-open boxes


@pytest.mark.parametrize(
    ("name", "hit"),
    [
        ("honest", 0),
        ("rsvg-zeroov", 0),  # and the true box counts as 401 x 401: 80000 / 160801
        ("mgvlf", 0),
        ("lqvg", 0),  # (80000 + 1e-6) / (160000 + 1e-6) is 0.5 in single precision
        ("zoomvg", 0),
        ("resc", 0),
        ("zoomvg-fusion", 1),
        ("lpva", 1),
        ("transvg", 1),
        ("segvg", 1),
        ("remotesam", 1),
        ("vrsbench", 1),  # on the grid (0, 0, 50, 25) and (0, 0, 50, 50), far corners included: 51 * 26 / 51**2
    ],
)
def test_a_box_at_half_exactly(name, hit):
    assert read(boxes(HALF), name, "box")[1]["Pr@0.5"] == hit


@pytest.mark.parametrize(
    ("name", "hit"),
    [
        ("honest", 0),
        ("rsvg-zeroov", 0),
        ("segearth-r1", 0),
        ("rmsin", 1),
        ("lavt", 1),
        ("fianet", 1),
        ("geoselect", 1),
        ("rrsis", 1),
    ],
)
def test_a_mask_at_half_exactly(name, hit):
    hw = (800, 800)
    run = masks((rectangle(hw, 0, 0, 400, 200), rectangle(hw, 0, 0, 400, 400)))
    assert read(run, name, "mask")[1]["Pr@0.5"] == hit


def test_every_protocol_is_in_one_of_the_tables_above():
    tables = (test_a_box_at_half_exactly, test_a_mask_at_half_exactly)
    shown = {case[0] for test in tables for mark in test.pytestmark for case in mark.args[1]}
    assert shown == {protocol.name for protocol in PROTOCOLS}


@pytest.mark.parametrize(
    ("name", "target", "names"),
    [
        ("honest", "box", "Pr@0.3 Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU oIoU"),
        ("rsvg-zeroov", "box", "Pr@0.3 Pr@0.5 Pr@0.7 mIoU oIoU"),
        ("mgvlf", "box", "Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU oIoU"),
        ("zoomvg-fusion", "box", "Pr@0.1 Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU oIoU"),
        ("transvg", "box", "Pr@0.5"),
        ("resc", "box", "Pr@0.5 mIoU"),
        ("vrsbench", "box", "Pr@0.5 Pr@0.7 mIoU oIoU"),
        ("remotesam", "box", "Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU"),
        ("rmsin", "mask", "Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU oIoU"),
        ("segearth-r1", "mask", "Pr@0.5 Pr@0.6 Pr@0.7 Pr@0.8 Pr@0.9 mIoU oIoU"),
    ],
)
def test_the_figures_that_are_printed(name, target, names):
    assert " ".join(named(name).rule(target).names) == names


def test_honest_counts_every_sample_and_clips_nothing():
    run = boxes(((0, 0, 10, 10), (0, 0, 10, 10)), (None, (0, 0, 10, 10)), ("failed", (0, 0, 10, 20)))
    samples, figures = read(run, "honest", "box")
    assert samples == 3
    assert figures["Pr@0.9"] == figures["mIoU"] == pytest.approx(1 / 3)
    assert figures["oIoU"] == 100 / (100 + 100 + 200)
    past_the_edge = boxes(((-10, 0, 10, 10), (0, 0, 10, 10)))
    assert read(past_the_edge, "honest", "box")[1]["mIoU"] == 0.5


def test_rsvg_zeroov_boxes():
    exact = read(boxes(((10, 10, 20, 20), (10, 10, 20, 20))), "rsvg-zeroov", "box")[1]
    assert exact["mIoU"] == pytest.approx(100 / 121)  # pixels 10 to 19 against 10 to 20
    origin = read(boxes((None, (0, 0, 1, 1)), ("failed", (0, 0, 9, 9))), "rsvg-zeroov", "box")
    assert origin[0] == 1  # what failed is left out
    assert origin[1]["mIoU"] == pytest.approx(1 / 4)  # nothing found is the pixel at the origin; 2 x 2 are true
    assert origin[1]["oIoU"] == 1 / 4
    small = read(boxes(((5, 5, 10, 10), (5, 5, 10, 10)), hw=(400, 400)), "rsvg-zeroov", "box")[1]
    assert small["mIoU"] == pytest.approx(100 / 121)  # at 800 x 800 it is the same box as above
    cut = read(boxes(((0.9, 0, 10, 10), (0.9, 0, 9.9, 9))), "rsvg-zeroov", "box")[1]
    assert cut["mIoU"] == pytest.approx(1.0)  # both cut to (0, 0, 9, 9)


def test_rsvg_zeroov_masks():
    hw = (400, 800)
    run = masks((rectangle(hw, 0, 0, 400, 200), rectangle(hw, 0, 0, 400, 400)), (None, rectangle(hw, 0, 0, 8, 4)))
    samples, figures = read(run, "rsvg-zeroov", "mask")
    assert samples == 2  # empty is a miss, unlike failed
    assert figures["mIoU"] == pytest.approx(0.25)
    assert figures["oIoU"] == 160_000 / (320_000 + 64)  # stretched to 800 x 800, every row stands twice


def test_masks_at_480():
    truth = np.zeros((960, 960), np.bool_)
    truth[0:2, 0:2] = True
    ours = np.zeros_like(truth)
    ours[1, 1] = True  # of four pixels the one that the nearest-pixel resize keeps
    assert read(masks((ours, truth)), "honest", "mask")[1]["mIoU"] == 0.25
    for name in ("rmsin", "lavt", "fianet", "geoselect"):
        assert read(masks((ours, truth)), name, "mask")[1]["mIoU"] == 1.0
    assert read(masks((ours, truth)), "rrsis", "mask")[1]["oIoU"] == pytest.approx(0.99)  # a point less than counted


def test_empty_unions():
    empty = np.zeros((20, 20), np.bool_)
    run = masks((None, empty))
    for name, iou in (("honest", 0), ("rsvg-zeroov", 0), ("rmsin", 0), ("lavt", 0), ("segearth-r1", 1)):
        figures = read(run, name, "mask")[1]
        assert (figures["mIoU"], figures["oIoU"]) == (iou, 0)
    thin = boxes(((5, 5, 5, 9), (5, 5, 5, 9)))
    for name in ("honest", "zoomvg-fusion", "remotesam", "mgvlf", "lpva"):
        assert read(thin, name, "box")[1]["mIoU"] == 0


def test_segearth_fits_into_1024():
    ours, truth = rectangle((512, 256), 0, 0, 1, 2), rectangle((512, 256), 0, 0, 2, 2)
    figures = read(masks((ours, truth)), "segearth-r1", "mask")[1]
    assert figures["oIoU"] == 0.5
    assert figures["mIoU"] == pytest.approx(8 / (16 + 1e-5), rel=1e-7)  # 1024 x 512: every pixel four times
    assert figures["mIoU"] < 0.5


def test_mgvlf_cuts_the_true_box_on_a_640_square():
    # 3 * 0.8 = 2.4 -> 2 -> 2.5 and 13 * 0.8 = 10.4 -> 10 -> 12.5
    assert read(boxes(((2.5, 2.5, 12.5, 12.5), (3, 3, 13, 13))), "mgvlf", "box")[1]["mIoU"] == pytest.approx(1.0)
    # The true corner ends at 639 / 0.8 = 798.75, the predicted one at the image's 800.
    whole = read(boxes(((-5, 0, 900, 800), (0, 0, 800, 800))), "mgvlf", "box")[1]
    assert whole["mIoU"] == pytest.approx(798.75**2 / 800**2)
    # 400 x 800: 160 rows of padding above, so y = 5 is 164 on the square, which is kept.
    assert read(boxes(((0, 5, 10, 10), (0, 5, 10, 10)), hw=(400, 800)), "mgvlf", "box")[1]["mIoU"] == 1.0


@pytest.mark.parametrize(
    ("name", "iou"),
    [
        *((name, 0.5) for name in ("honest", "lqvg", "zoomvg", "zoomvg-fusion", "remotesam")),
        *((name, 1.0) for name in ("mgvlf", "resc", "lpva")),
    ],
)
def test_a_prediction_past_the_edge(name, iou):
    assert read(boxes(((-10, 0, 10, 10), (0, 0, 10, 10))), name, "box")[1]["mIoU"] == pytest.approx(iou)


def test_who_clips_the_true_box():
    run = boxes(((0, 0, 10, 10), (-10, 0, 10, 10)))
    assert read(run, "resc", "box")[1]["mIoU"] == 1.0
    assert read(run, "lpva", "box")[1]["mIoU"] == 0.5


def test_transvg_clips_to_the_padded_square_and_not_to_the_image():
    """800 x 400 in a square: 200 rows of padding above, which a box may reach into."""
    over = boxes(((0, -200, 800, 200), (0, 0, 800, 200)), hw=(400, 800))  # IoU 0.5, all inside the square
    assert read(over, "transvg", "box")[1]["Pr@0.5"] == 1.0
    further = boxes(((0, -400, 800, 200), (0, 0, 800, 200)), hw=(400, 800))  # 1/3, but clipped at -200: 0.5
    assert read(further, "transvg", "box")[1]["Pr@0.5"] == 1.0
    assert read(further, "zoomvg-fusion", "box")[1]["Pr@0.5"] == 0.0


def test_lpva_weighs_large_and_small_images_alike():
    run = boxes(
        ((0, 0, 100, 50), (0, 0, 100, 100), (100, 100)),
        ((0, 0, 1000, 1000), (0, 0, 1000, 1000), (1000, 1000)),
    )
    assert read(run, "lpva", "box")[1]["oIoU"] == pytest.approx(0.75)
    assert read(run, "zoomvg-fusion", "box")[1]["oIoU"] == pytest.approx(1_005_000 / 1_010_000)


def test_lqvg_adds_its_epsilons_above_and_below():
    tiny = boxes(((0, 0, 0.001, 0.001), (1, 1, 1.001, 1.001)))
    assert read(tiny, "lqvg", "box")[1]["mIoU"] == pytest.approx(1e-6 / (2e-6 + 1e-6), rel=1e-6)


def test_zoomvg_fusion_at_a_tenth():
    assert read(boxes(((0, 0, 1, 10), (0, 0, 10, 10))), "zoomvg-fusion", "box")[1]["Pr@0.1"] == 1.0


def test_vrsbench_counts_whole_hundredths():
    """The first reference of the evaluation file: {<25><40><33><60>}, corners at .2559, .4004, .3340, .6035 of 512."""
    truth = tuple(512 * share for share in (0.255859375, 0.400390625, 0.333984375, 0.603515625))
    answered = tuple(512 * hundredth / 100 for hundredth in (25, 40, 33, 60))
    figures = read(boxes((answered, truth), hw=(512, 512)), "vrsbench", "box")[1]
    assert figures["mIoU"] == figures["oIoU"] == 1.0
    one_off = tuple(512 * hundredth / 100 for hundredth in (25, 40, 34, 60))
    figures = read(boxes((one_off, truth), (None, truth), hw=(512, 512)), "vrsbench", "box")[1]
    assert figures["oIoU"] == pytest.approx(9 * 21 / (10 * 21))  # the unanswered one is not in it
    assert figures["mIoU"] == pytest.approx(0.9 / 2)  # but here
    assert figures["Pr@0.5"] == figures["Pr@0.7"] == 0.5  # and here


def test_remotesam_counts_the_sample_before_once_more():
    good, bad = ((0, 0, 10, 10), (0, 0, 10, 10)), ((20, 0, 30, 10), (0, 0, 10, 10))
    nothing = None, (0, 0, 10, 10)
    figures = read(boxes(nothing, good, nothing, nothing, bad, nothing), "remotesam", "box")[1]
    assert figures["Pr@0.5"] == figures["Pr@0.9"] == 3 / 6
    assert figures["mIoU"] == pytest.approx(1 / 6)


def test_a_name_that_is_none():
    assert named("RMSIN").name == "rmsin"
    with pytest.raises(UsageError, match="did you mean `rmsin`"):
        named("rmsim")
    with pytest.raises(UsageError, match=r"known: .*vrsbench"):
        named("?")


def test_a_protocol_that_finds_nothing_says_so():
    with pytest.raises(UsageError, match="rmsin scores a mask, and `run` has no such truth"):
        score(boxes(HALF), named("rmsin"))
    with pytest.raises(UsageError, match="every sample of `run` failed"):
        score(boxes(("failed", (0, 0, 1, 1))), named("rsvg-zeroov"))
    with pytest.raises(UsageError, match="holds no records"):
        score(Run("run", ()), named("honest"))
