"""The stages in order, on the models of a recipe: a look, a closer one, and the replay."""
