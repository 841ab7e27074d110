"""`zeroov bench mini`: what each stage adds, measured on the miniature world, and the report of it."""
