"""HTTP, for the front and for Flask: bodies, errors, conditional requests, idempotency, lists, downloads."""
