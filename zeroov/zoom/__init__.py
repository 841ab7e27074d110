"""The geometry of a second look: crops, the average over scales, and two looks merged."""
