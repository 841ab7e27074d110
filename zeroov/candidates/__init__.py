"""Objects that may be meant: where a look may have seen one. Pure."""
