"""Maintenance: backups, retention, cleanup, readiness, workers."""
