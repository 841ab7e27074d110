"""Files of any kind: the digest of their content, writing them whole or not at all, locks, and the journal."""
