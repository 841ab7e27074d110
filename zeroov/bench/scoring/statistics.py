"""Say how sure a figure is: bootstrap intervals, paired tests between two runs, and the area under the ROC curve."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 10_000
AT_ONCE = 1_000_000  # drawn indexes held at a time: some 25 MB, whatever the number of samples


class Paired(NamedTuple):
    """What a paired test says: second minus first, its 95 % interval, and the two-sided p, which is never 0."""

    difference: float
    low: float
    high: float
    p: float

    def to_json(self) -> dict[str, float]:
        """Return the difference and its interval in points of percent, and p as it is."""
        return {name: value if name == "p" else 100 * value for name, value in self._asdict().items()}


def interval(values: NDArray[Any], *, seed: int = 0, draws: int = DRAWS, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of `values`, which are one number per sample."""
    column = _column(values)
    means = resampled_sums(column[:, None], seed=seed, draws=draws)[:, 0] / len(column)
    return percentiles(means, level)


def paired(first: NDArray[Any], second: NDArray[Any], *, seed: int = 0, draws: int = DRAWS) -> Paired:
    """Test whether the means of two runs over the same samples, in the same order, differ."""
    columns = _columns(first, second)
    changes = columns[:, 1] - columns[:, 0]
    means = resampled_sums(changes[:, None], seed=seed, draws=draws)[:, 0] / len(changes)
    return judged(float(changes.mean()), means)


def auroc(positives: NDArray[Any], negatives: NDArray[Any]) -> float:
    """Return the probability that a positive's score is above a negative's; ties count half."""
    above, below = _column(positives), np.sort(_column(negatives))
    smaller = np.searchsorted(below, above, side="left")
    not_larger = np.searchsorted(below, above, side="right")
    return float((smaller + not_larger).sum() / (2 * len(above) * len(below)))


def resampled_sums(columns: Floats, *, seed: int, draws: int) -> Floats:
    """Draw as many rows as `columns` (n, m) has, with replacement, `draws` times; return the sums, (draws, m).

    Every column sees the same draws, so that figures of one draw can be compared and divided.
    """
    n = len(columns)
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // n)
    sums = np.empty((draws, columns.shape[1]))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(0, n, size=(rows, n))
        drawn += n * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        sums[start : start + rows] = times @ columns
    return sums


def percentiles(figures: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the interval that holds the middle `level` of the resampled figures."""
    low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratio(numerators: Any, denominators: Any) -> Floats:
    """Divide; nothing by nothing is 0."""
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    quotients: Floats = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators != 0)
    return quotients


def judged(difference: float, resampled: Floats) -> Paired:
    """Compare the difference with what resampling alone would make of it, were there none."""
    noise = np.abs(resampled - difference)
    as_far = int(np.count_nonzero(noise >= abs(difference) - 1e-12))  # rounding of sums must not break a tie
    return Paired(difference, *percentiles(resampled), (1 + as_far) / (1 + len(resampled)))


def _column(values: NDArray[Any]) -> Floats:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or column.size == 0 or not np.isfinite(column).all():
        raise ValueError(f"one finite number per sample is expected, for one sample at least; got shape {column.shape}")
    return column


def _columns(*values: NDArray[Any]) -> Floats:
    columns = [_column(column) for column in values]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"figures of the same samples are compared, got {[len(column) for column in columns]}")
    return np.stack(columns, axis=1)
