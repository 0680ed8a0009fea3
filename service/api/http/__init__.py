"""HTTP on the side of Flask: bodies, errors, conditional requests, idempotency, lists, downloads."""
