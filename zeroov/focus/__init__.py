"""Focus: load a diffusion model and read its self-attention, which ties together the cells of one object."""

from zeroov.focus.load import FocusModels, load_focus
from zeroov.focus.stage import compute_affinities

__all__ = ["FocusModels", "compute_affinities", "load_focus"]
