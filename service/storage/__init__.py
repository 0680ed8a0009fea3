"""Persistent state: the database, which is the single source of truth, and the artifact files."""
