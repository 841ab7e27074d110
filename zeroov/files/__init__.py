"""Files of any kind: what they hold, writing them whole or not at all, and the journal of what has been done."""
