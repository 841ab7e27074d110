"""Many machines: what a large run costs before it begins, and engines that others have made."""
