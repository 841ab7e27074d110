"""Any image in: pictures, rasters of any size, what of them is valid, and where they lie on the map."""
