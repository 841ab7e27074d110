"""What every stage adds, measured on the miniature world."""
