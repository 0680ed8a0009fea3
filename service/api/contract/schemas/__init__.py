"""The schemas of requests and responses, in one module for each resource."""
