"""Many settings over maps that are kept, without a model."""
