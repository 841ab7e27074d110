"""What was found, and writing it: pictures of masks, and files for other tools."""
