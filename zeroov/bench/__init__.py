"""Benchmarks: data sets read, runs kept, metrics told."""
