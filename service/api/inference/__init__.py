"""Predictions in the three dialects: reads bodies and writes responses. Only `answering` imports Flask."""
