"""Refine: Segment Anything sharpens the box that the earlier stages found."""
