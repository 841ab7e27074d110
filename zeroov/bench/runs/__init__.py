"""A recipe over a split: its records, its shards, and the manifest of how it was made."""
