"""The use cases: what the api and the worker do, without HTTP and processes. Each is one or two transactions."""
