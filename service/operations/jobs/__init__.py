"""Jobs from being queued to being final; one module a kind in `kinds`."""
