"""Predictions in the three dialects: reading bodies and writing answers. Knows no Flask."""
