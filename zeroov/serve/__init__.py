"""A page and an HTTP interface to one pipeline; the standard library's server, for one machine or a trusted network."""
