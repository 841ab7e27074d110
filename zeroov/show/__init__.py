"""Seeing it: one picture of all that the stages found."""
