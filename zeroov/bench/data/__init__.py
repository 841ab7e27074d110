"""Reading benchmark data from disk: one `Benchmark` for each data set, found by name, and what all of them share."""

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.registry import find, names

__all__ = ["Benchmark", "find", "names"]
