"""Does this machine ground as it should? Checks of the machine, the models and each stage, and one report of them."""
