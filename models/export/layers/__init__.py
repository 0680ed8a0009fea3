"""The builders of layer types, one module for each of the catalogue's categories. Importing it registers them all."""

from models.export.layers import core, reshaping

__all__ = ["core", "reshaping"]
