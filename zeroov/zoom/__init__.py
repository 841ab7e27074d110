"""Look again, closer: crops, tiles, the choice among candidates, and the average over scales."""
