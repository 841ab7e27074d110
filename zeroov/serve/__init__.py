"""One pipeline behind HTTP: a page and an interface, for one machine or a trusted network."""
