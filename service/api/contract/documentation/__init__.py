"""The parts of the OpenAPI document besides the routes' own schemas: errors, headers, examples, links."""
