"""The service around the models: settings, operations, storage, the api and the worker."""

__version__ = "0.1.0"
