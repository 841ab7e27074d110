"""Fuzzers: inputs that nobody writes on purpose. See docs/trust.md."""
