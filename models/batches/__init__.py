"""Batch predictions: the rows of a dataset or a client's file, in blocks, into a file of results."""
