"""Where everything is kept: the database (the single source of truth) and the artifacts' files."""
