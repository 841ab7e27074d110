from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.scoring import slow
from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.metrics import box_overlaps, figures, fitted_hw, per_sample, with_misses
from zeroov.bench.scoring.overlaps import mask_pair, overlaps, tight_box
from zeroov.bench.scoring.protocols import PROTOCOLS, BoxRule, MaskRule, Protocol, Rule, named
from zeroov.outputs.rle import encode_rle

SIDE = 24
HW = (SIDE, SIDE)


@st.composite
def whole_boxes(draw, beyond=0):
    """Return a box with whole corners, which may lie past the edge of a picture of SIDE."""
    x0, y0 = draw(st.integers(-beyond, SIDE - 1)), draw(st.integers(-beyond, SIDE - 1))
    return x0, y0, draw(st.integers(x0 + 1, SIDE + beyond)), draw(st.integers(y0 + 1, SIDE + beyond))


def box_pair(predicted, truth, rule, hw=HW):
    ours = np.array([(math.nan,) * 4 if predicted is None else predicted], dtype=np.float64)
    shared, union = box_overlaps(ours, np.array([truth], dtype=np.float64), np.array([hw]), rule)
    return shared[0], union[0]


@given(predicted=st.none() | whole_boxes(), truth=whole_boxes())
def test_boxes_are_counted_square_by_square(predicted, truth):
    assert box_pair(predicted, truth, BoxRule()) == slow.half_open(predicted, truth)


@given(predicted=st.none() | whole_boxes(beyond=9), truth=whole_boxes(beyond=9))
def test_clipped_boxes(predicted, truth):
    edge = SIDE, SIDE
    both = slow.half_open(slow.clipped(predicted, *edge), slow.clipped(truth, *edge))
    assert box_pair(predicted, truth, BoxRule(clipped="both")) == both
    one = slow.half_open(slow.clipped(predicted, *edge), truth)
    assert box_pair(predicted, truth, BoxRule(clipped="prediction")) == one


@given(predicted=st.none() | whole_boxes(), truth=whole_boxes())
def test_boxes_with_their_far_corner(predicted, truth):
    """As in rs_evolve.py, without its resize: the prediction from mask pixels, the truth as it is stored."""
    rule = BoxRule(inclusive=True, last_pixel=True, whole=True, missing="origin")
    ours = (0, 0, 0, 0) if predicted is None else (*predicted[:2], predicted[2] - 1, predicted[3] - 1)
    assert box_pair(predicted, truth, rule) == slow.with_last_pixel(ours, truth)


@given(
    hw=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    predicted=st.tuples(*[st.integers(0, 100)] * 4),
    truth=st.tuples(*[st.integers(0, 100)] * 4),
)
def test_hundredths_come_back_from_pixels(hw, predicted, truth):
    """VRSBench's whole numbers survive the way through a record's pixels, whatever the size of the image."""
    predicted, truth = sorted_corners(predicted), sorted_corners(truth)

    def pixels(box):
        return [value * side / 100 for value, side in zip(box, (hw[1], hw[0]) * 2, strict=True)]

    counted = box_pair(pixels(predicted), pixels(truth), named("vrsbench").box, hw)
    assert counted == slow.with_last_pixel(predicted, truth)


def sorted_corners(box):
    (x0, x1), (y0, y1) = sorted(box[::2]), sorted(box[1::2])
    return x0, y0, x1, y1


@given(predicted=whole_boxes(), truth=whole_boxes(), hw=st.tuples(st.integers(24, 900), st.integers(24, 900)))
def test_a_frame_changes_no_iou(predicted, truth, hw):
    own = np.divide(*box_pair(predicted, truth, BoxRule(), hw))
    for rule in (BoxRule(frame="stretched", side=640), BoxRule(frame="padded", side=640)):
        assert np.divide(*box_pair(predicted, truth, rule, hw)) == pytest.approx(own, abs=1e-12)


@given(
    pairs=st.lists(
        st.none() | st.integers(0, 20).flatmap(lambda u: st.tuples(st.integers(0, u), st.just(u))), min_size=1
    ),
    strict=st.booleans(),
    repeat=st.booleans(),
    empty=st.sampled_from([0.0, 1.0]),
    shift=st.sampled_from([0.0, -0.01]),
    epsilons=st.sampled_from([(0.0, 0.0), (0.0, 1e-6), (1e-6, 1e-6), (0.0, 1e-5)]),
)
def test_figures_are_what_a_loop_counts(pairs, strict, repeat, empty, shift, epsilons):
    thresholds = (0.3, 0.5, 0.6, 0.75, 0.9)
    top, bottom = epsilons
    rule = Rule(
        thresholds=thresholds,
        strict=strict,
        repeats_last=repeat,
        empty_union=empty,
        overall_shift=shift,
        shared_epsilon=top,
        union_epsilon=bottom,
    )
    known = np.array([pair is not None for pair in pairs])
    shared, union = np.array([pair for pair in pairs if pair], dtype=np.float64).reshape(-1, 2).T
    rows = with_misses(per_sample(shared, union, rule), known)
    found = dict(zip(rule.names, figures(rows.sum(axis=0), len(pairs), rule), strict=True))
    precision, mean, overall = slow.figures(
        pairs, thresholds=thresholds, strict=strict, top=top, bottom=bottom, empty=empty, shift=shift, repeat=repeat
    )
    assert [found[f"Pr@{x}"] for x in thresholds] == precision
    assert found["mIoU"] == pytest.approx(mean)
    assert found["oIoU"] == pytest.approx(overall)


def test_many_settings_at_once():
    """As `ablate` calls it: (settings, samples) in, (settings, figures) out."""
    rng = np.random.default_rng(0)
    union = rng.integers(1, 50, (7, 30)).astype(np.float64)
    shared = np.floor(union * rng.random((7, 30)))
    rule = named("honest").mask
    together = figures(per_sample(shared, union, rule).sum(axis=-2), 30, rule)
    apart = [figures(per_sample(shared[i], union[i], rule).sum(axis=0), 30, rule) for i in range(7)]
    np.testing.assert_allclose(together, apart)


mask_lists = st.integers(1, 9).flatmap(
    lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=9)
)


@given(truth=mask_lists, data=st.data(), frame=st.sampled_from(["own", "stretched", "padded"]))
def test_masks_are_counted_pixel_by_pixel(truth, data, frame):
    height, width = len(truth), len(truth[0])
    row = st.lists(st.booleans(), min_size=width, max_size=width)
    predicted = data.draw(st.none() | st.lists(row, min_size=height, max_size=height))
    side = data.draw(st.integers(1, 12))
    to_height, to_width = {
        "own": (height, width),
        "stretched": (side, side),
        "padded": (
            max(round(height * side / max(height, width)), 1),
            max(round(width * side / max(height, width)), 1),
        ),
    }[frame]
    ours = predicted or [[False] * width] * height
    expected = slow.masks(slow.nearest(ours, to_height, to_width), slow.nearest(truth, to_height, to_width))
    rle = None if predicted is None else encode_rle(np.array(predicted))
    assert mask_pair(rle, encode_rle(np.array(truth)), MaskRule(frame=frame, side=side)) == expected


def test_fitting_keeps_the_shape():
    assert fitted_hw((512, 1024), "padded", 1024) == (512, 1024)
    assert fitted_hw((2048, 1024), "padded", 1024) == (1024, 512)
    assert fitted_hw((3000, 1), "padded", 1024) == (1024, 1)


def test_the_box_of_a_mask_is_half_open():
    mask = np.zeros((6, 9), np.bool_)
    assert tight_box(encode_rle(mask)) is None
    mask[1:4, 2:7] = True
    assert tight_box(encode_rle(mask)) == (2, 1, 7, 4)


def record(number, **values):
    common = {"id": str(number), "image": "a.png", "expression": "it", "hw": (10, 10), "status": "found"}
    return Record(**(common | values))


def test_boxes_are_taken_from_masks_where_there_are_none():
    mask = np.zeros((10, 10), np.bool_)
    mask[0:5, 0:5] = True
    records = [record(0, truth_mask=encode_rle(mask), mask=encode_rle(mask))]
    assert overlaps(records, named("honest"), "box").ious.tolist() == [1.0]
    assert overlaps(records, named("honest"), "mask").ious.tolist() == [1.0]


def test_what_is_not_there_is_not_counted():
    box_only = [record(0, truth_box=(0, 0, 5, 5), box=(0, 0, 5, 5)), record(1, box=(0, 0, 5, 5))]
    assert overlaps(box_only, named("honest"), "box").positions.tolist() == [0]
    assert overlaps(box_only, named("honest"), "mask") is None
    assert overlaps(box_only, named("honest"), "point") is None
    assert overlaps(box_only, named("rmsin"), "box") is None


def test_a_system_that_answers_boxes_alone_has_no_mask_figures():
    truth = encode_rle(np.ones((10, 10), np.bool_))
    assert overlaps([record(0, truth_mask=truth, box=(0, 0, 5, 5))], named("honest"), "mask") is None
    nothing = [record(0, truth_mask=truth, status="empty")]  # could have been anything; it is a miss of both kinds
    assert overlaps(nothing, named("honest"), "mask").ious.tolist() == [0.0]
    assert overlaps(nothing, named("honest"), "box").ious.tolist() == [0.0]


def test_readings():
    one = record(
        0, truth_box=(0, 0, 4, 4), box=(0, 0, 4, 4), coarse_box=(0, 0, 4, 2), answer_box=(0, 0, 1, 4), point=(3.9, 0)
    )
    for reading, expected in (("final", 1.0), ("coarse", 0.5), ("answer", 0.25)):
        assert overlaps([one], named("honest"), "box", reading).ious.tolist() == [expected]
    outside = record(1, truth_box=(0, 0, 4, 4), status="empty", point=(4, 0))
    without = record(2, truth_box=(0, 0, 4, 4), status="failed", error="x")
    assert overlaps([one, outside, without], named("lqvg"), "point").columns[:, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("point", "hit"),
    [((3, 5), 1), ((2.9, 5), 0), ((7.9, 8.9), 1), ((8, 6), 0), ((5, 4.9), 0), ((5, 9), 0), ((5, 7), 1), (None, 0)],
)
def test_a_point_hits_inside_the_half_open_box(point, hit):
    asked = [
        record(0, truth_box=(3, 5, 8, 9), status="empty", point=point),
        record(1, truth_box=(0, 0, 4, 4), status="empty", point=(1, 1)),
    ]
    assert overlaps(asked, named("lqvg"), "point").columns[:, 0].tolist() == [hit, 1]


def test_the_box_of_a_line_is_a_pixel_wide():
    mask = np.zeros((6, 9), np.bool_)
    mask[1:4, 2] = True
    assert tight_box(encode_rle(mask)) == (2, 1, 3, 4)


@pytest.mark.parametrize(("missing", "union"), [("truth", 16.0), ("nothing", 0.0), ("origin", 16.0)])
def test_what_a_missing_box_is_worth(missing, union):
    assert box_pair(None, (2, 2, 6, 6), BoxRule(missing=missing)) == (0.0, union)


@pytest.mark.parametrize("protocol", [protocol for protocol in PROTOCOLS if protocol.box])
def test_corners_out_of_all_measure_overlap_with_nothing(protocol: Protocol) -> None:
    far = (0.0, 0.0, 1.7e308, 1.7e308)
    for predicted, truth in ((far, (1, 2, 5, 6)), ((1, 2, 5, 6), far)):
        shared, union = box_pair(predicted, truth, protocol.box)
        assert 0 <= shared <= union < math.inf
