"""A client of a running service, for the command line: knows HTTP alone."""
