"""Where model files are on this machine, which of them a recipe needs, and downloading them."""
