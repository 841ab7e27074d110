"""Benchmarks: reading data sets, running a recipe over them, and scoring its answers."""
