"""What a sentence says: the object, its kind, its place, and what it stands beside."""
