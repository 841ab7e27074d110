"""Large rasters are shrunk chunk by chunk: the chunks, and the means over cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.raster import reduce
from zeroov.raster.reduce import Means, chunks
from zeroov.types import Window


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 90), st.integers(1, 90), st.integers(1, 20), st.data())
def test_chunks_cover_a_window_once_and_meet_where_blocks_meet(
    x: int, y: int, width: int, height: int, block: int, data: st.DataObject
) -> None:
    block_hw = block, data.draw(st.integers(1, 20))
    most = data.draw(st.integers(1, 3000))
    covered = np.zeros((y + height, x + width), dtype=int)
    for x0, y0, x1, y1 in chunks(Window(x, y, x + width, y + height), block_hw, most):
        covered[y0:y1, x0:x1] += 1
        assert x0 == x or x0 % block_hw[1] == 0
        assert y0 == y or y0 % block_hw[0] == 0
        first, last = (x0 // block_hw[1], y0 // block_hw[0]), (-(-x1 // block_hw[1]), -(-y1 // block_hw[0]))
        decoded = (last[0] - first[0]) * block_hw[1] * (last[1] - first[1]) * block_hw[0]
        assert decoded <= max(most, block_hw[0] * block_hw[1])
    assert (covered[y:, x:] == 1).all()
    assert covered.sum() == width * height


def test_chunks_are_as_large_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(0, 0, 40, 40)
    assert list(chunks(window, (10, 10), 400)) == [Window(0, y, 40, y + 10) for y in (0, 10, 20, 30)]
    assert list(chunks(window, (10, 10), 800)) == [Window(0, y, 40, y + 20) for y in (0, 20)]
    assert list(chunks(window, (10, 10), 200)) == [
        Window(x, y, x + 20, y + 10) for y in (0, 10, 20, 30) for x in (0, 20)
    ]
    assert list(chunks(window, (10, 10))) == [window]
    monkeypatch.setattr(reduce, "CHUNK_PIXELS", 800)
    assert list(chunks(window, (10, 10), 1600)) == [Window(0, y, 40, y + 20) for y in (0, 20)]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("masked", ["no", "pixels", "samples"])
def test_means_are_those_of_a_loop_however_the_samples_come(
    rng: np.random.Generator, kind: type[np.generic], masked: str
) -> None:
    hw, factor, channels = (11, 17), 4, 2
    values = (rng.random((*hw, channels)) * 200).astype(kind)
    valid = rng.random((*hw, channels) if masked == "samples" else hw) < 0.4
    valid[4:8, 8:12] = False  # a cell of nothing
    whole = np.broadcast_to(valid if valid.ndim == 3 else valid[..., None], values.shape)
    if masked == "no":
        whole = np.ones(values.shape, dtype=np.bool_)
    means = Means(hw, channels, factor, np.dtype(kind))
    for x0, y0, x1, y1 in ((0, 0, 5, 7), (5, 0, 17, 7), (0, 7, 17, 11)):  # cut across the cells
        part = values[y0:y1, x0:x1]
        means.add(part, None if masked == "no" else valid[y0:y1, x0:x1], (x0, y0))
    found, counted = means.result()
    assert found.shape == counted.shape == (3, 5, channels)
    for row in range(3):
        for column in range(5):
            for channel in range(channels):
                cell = np.s_[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4, channel]
                samples = values[cell][whole[cell]].astype(float)
                assert counted[row, column, channel] == bool(samples.size)
                expected = samples.mean() if samples.size else 0
                assert found[row, column, channel] == pytest.approx(expected, rel=1e-5)


def test_sums_of_wide_samples_are_kept_in_double_precision() -> None:
    for kind, exact in ((np.uint16, np.float32), (np.float32, np.float64), (np.uint8, np.float32)):
        assert Means((2, 2), 1, 2, np.dtype(kind)).result()[0].dtype == exact
