"""The miniature world: aerial scenes drawn from a seed, expressions about them, and three models that know them."""
