"""Predicting for many rows at once: from a dataset or a client's file, block by block, into a file of results."""
