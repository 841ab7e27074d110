"""One file for each command of `zeroov bench`."""
