"""Maps that the stages made, kept on disk: their keys, their files, and the values in them."""

from zeroov.dumps.key import (
    differing,
    digest,
    evolve_settings,
    focus_expression,
    focus_settings,
    listing_settings,
    overview_settings,
    settings_digest,
    weighed_settings,
)
from zeroov.dumps.partners import fitting, focus_index, partner
from zeroov.dumps.store import Dump, DumpStore, read_dump

__all__ = [
    "Dump",
    "DumpStore",
    "differing",
    "digest",
    "evolve_settings",
    "fitting",
    "focus_expression",
    "focus_index",
    "focus_settings",
    "listing_settings",
    "overview_settings",
    "partner",
    "read_dump",
    "settings_digest",
    "weighed_settings",
]
