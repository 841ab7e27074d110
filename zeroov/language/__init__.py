"""What an expression says, by rules and without a model: the object, its kind, its place, and its neighbours."""
