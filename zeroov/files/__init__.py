"""Files of any kind: what they hold, and how they are kept whole. Nothing here knows pictures, models or maps."""
