"""Benchmarks by name: what each asks for on disk, and how its splits are read."""

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.registry import find, names

__all__ = ["Benchmark", "find", "names"]
