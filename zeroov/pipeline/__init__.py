"""The stages in order, on the models of a recipe, with a cache of maps in front of them."""
