"""Any image in, and nothing out: pictures, rasters of any size, where they lie on the map."""
