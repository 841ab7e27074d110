"""A run as one HTML file to send: figures, plots, samples with all stages, failures, recipe, machine."""
