"""Data sets, a file each: what one asks for on disk, and how its splits are read."""
