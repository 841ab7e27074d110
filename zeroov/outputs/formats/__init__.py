"""The formats of other tools, a file each."""
