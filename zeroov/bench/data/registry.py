"""Benchmarks by name; a benchmark's module is imported when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from zeroov.bench.data.benchmark import Benchmark
from zeroov.errors import UsageError, did_you_mean

# Name -> module in sets/ and the value in it, other names.
_KNOWN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "rrsisd": ("rrsisd", "RRSISD", ("rrsis-d", "rrsis_d")),
    "risbench": ("risbench", "RISBENCH", ("ris-bench",)),
    "refsegrs": ("refsegrs", "REFSEGRS", ("ref-seg-rs",)),
    "dior-rsvg": ("dior_rsvg", "DIOR_RSVG", ("dior_rsvg", "dior", "rsvgd")),
    "opt-rsvg": ("opt_rsvg", "OPT_RSVG", ("opt_rsvg", "opt")),
    "rsvg-hr": ("rsvg_hr", "RSVG_HR", ("rsvg_hr", "rsvghr")),
    "vrsbench": ("vrsbench", "VRSBENCH", ("vrsbench-ref", "vrsbench-referring")),
    "refcoco": ("refcoco", "REFCOCO", ("unc",)),
    "refcoco+": ("refcoco", "REFCOCO_PLUS", ("unc+", "refcoco-plus")),
    "refcocog-google": ("refcoco", "REFCOCOG_GOOGLE", ("gref", "refcocog_google")),
    "refcocog-umd": ("refcoco", "REFCOCOG_UMD", ("gref_umd", "refcocog_umd", "refcocog")),
    "referit": ("refcoco", "REFERIT", ("refclef", "referitgame")),
    "mini-hard": ("mini_hard", "MINI_HARD", ("mini_hard",)),
    "file": ("own", "TABLE", ("csv", "jsonl", "own")),
}
_ALIASES = {alias: name for name, (_, _, aliases) in _KNOWN.items() for alias in aliases}


def names() -> tuple[str, ...]:
    """Return the names of all benchmarks."""
    return tuple(_KNOWN)


def find(name: str) -> Benchmark:
    """Return the benchmark of a name or alias, in any case."""
    wanted = name.strip().lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted not in _KNOWN:
        raise UsageError(f"no benchmark `{name}`{did_you_mean(wanted, _KNOWN)}; `zeroov bench data` lists all")
    module, value, aliases = _KNOWN[wanted]
    benchmark = getattr(import_module(f"zeroov.bench.data.sets.{module}"), value)
    assert isinstance(benchmark, Benchmark)
    return replace(benchmark, aliases=aliases)
