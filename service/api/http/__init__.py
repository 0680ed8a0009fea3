"""HTTP for the Flask routes: bodies, errors, conditional requests, idempotency, lists, downloads."""
