"""Draws pictures from JSON documents with matplotlib; only `models.drawing.process` runs it for the service."""
