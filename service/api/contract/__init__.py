"""The documented contract: schemas, fields, and what openapi.yaml is generated from."""
