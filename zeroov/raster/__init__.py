"""Any image in; masks and overlays out. The only room, with `dumps`, that touches files."""
