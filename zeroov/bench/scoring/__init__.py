"""From answers to figures: protocols, metrics, statistics, comparisons, tables and pictures."""
