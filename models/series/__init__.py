"""Series: rows of a table in time order, and the windows that networks see of them.

Imports of datasets and predictions share this code, so that a window has the same numbers in both.
"""
