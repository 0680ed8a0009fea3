"""HTTP, for the front and for the Flask routes: bodies, errors, conditional requests, idempotency, lists, downloads."""
