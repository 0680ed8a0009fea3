"""The forms of requests and resources, one module a resource."""
