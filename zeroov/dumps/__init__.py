"""Cached attention maps: keys, files, and the values they hold."""

from zeroov.dumps.key import digest, evolve_settings, focus_expression, focus_settings, overview_settings
from zeroov.dumps.store import Dump, DumpStore, read_dump

__all__ = [
    "Dump",
    "DumpStore",
    "digest",
    "evolve_settings",
    "focus_expression",
    "focus_settings",
    "overview_settings",
    "read_dump",
]
