"""The requests, assignments and results of jobs as typed documents, one module for each kind. Doesn't import Keras."""
