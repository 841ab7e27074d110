"""The command line: one file for each command; `bench/` and `dumps/` hold one for each of their own commands."""
