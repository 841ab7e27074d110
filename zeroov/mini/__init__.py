"""The miniature world: scenes drawn from a seed, expressions about them, and the three models trained on them."""
