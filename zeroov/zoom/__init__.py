"""A closer look: where it is due, what it asks, and what it comes to."""
