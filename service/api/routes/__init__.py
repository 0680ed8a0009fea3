"""The handlers, in one module for each resource. Each handler calls one operation."""
