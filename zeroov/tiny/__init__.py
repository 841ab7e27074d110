"""Small random checkpoints of the real model classes, complete on disk, for tests and smoke runs."""
