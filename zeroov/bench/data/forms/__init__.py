"""Forms of annotation that several data sets share."""
