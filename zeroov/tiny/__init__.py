"""Small random checkpoints of the real model classes, for tests and smoke runs, and where builtin models are."""
