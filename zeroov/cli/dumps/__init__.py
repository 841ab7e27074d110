"""One file for each command of `zeroov dumps`; the short ones are in `main.py`."""
