"""What answers are worth: protocols, metrics, comparisons, tables and pictures."""
