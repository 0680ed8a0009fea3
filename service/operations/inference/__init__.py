"""Predictions: resolving and loading versions, admission, statistics."""
