"""The use cases: what the api and the worker do, free of HTTP and of processes. Each is one or two units of work."""
