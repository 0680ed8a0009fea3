"""Predictions: finding and loading versions, admission, statistics."""
