"""Evolve: join both attention maps, grow a region from seeds, and cut the mask; no model and no torch."""

from zeroov.evolve.fuse import fuse, to_grid
from zeroov.evolve.grow import binarise, grow, seeds
from zeroov.evolve.stage import evolve

__all__ = ["binarise", "evolve", "fuse", "grow", "seeds", "to_grid"]
