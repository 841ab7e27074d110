"""The command line, a file per command; benchmarks and dumps have several, in folders."""
