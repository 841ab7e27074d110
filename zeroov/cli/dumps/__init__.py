"""`zeroov dumps`, a file for what each of its commands does."""
