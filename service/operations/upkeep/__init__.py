"""Keeping the service healthy: backups, retention, sweeping, readiness, workers."""
