"""Look again, closer: the phrase parser, the prior of position words, and the average over scales."""
