"""The handlers, one module a resource: each makes one call of an operation."""
