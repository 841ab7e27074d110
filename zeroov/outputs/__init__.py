"""What was found, and writing it: masks, polygons, run lengths, and files for other programs."""
