"""Refine: load Segment Anything, and draw the mask inside the box that the earlier stages found."""
