"""One file for each data set: which files it needs on disk, and how its splits are read."""
