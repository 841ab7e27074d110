"""Many settings scored from kept maps, without a model."""
