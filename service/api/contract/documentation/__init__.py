"""What the OpenAPI document says beyond the routes' own schemas: who may, what can go wrong, headers, examples."""
