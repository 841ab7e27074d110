"""Where model weights lie on this machine, what a recipe needs of them, and how they are downloaded."""
