"""Evolve: the two attentions fused, grown from seeds, purified to a mask. Needs no model and no torch."""

from zeroov.evolve.fuse import fuse, to_grid
from zeroov.evolve.grow import binarise, grow, seeds
from zeroov.evolve.stage import evolve

__all__ = ["binarise", "evolve", "fuse", "grow", "seeds", "to_grid"]
