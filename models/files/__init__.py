"""Untrusted files: detecting their format and reading them without executing or unpacking anything."""
