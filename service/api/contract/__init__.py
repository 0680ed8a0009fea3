"""The documented contract: schemas, fields, and the sources of openapi.yaml."""
