"""The builders of layer types, one module for each of the catalogue's categories. Importing it registers them all."""

from models.export.layers import audio, convolutional, core, padding, pooling, reshaping, resizing

__all__ = ["audio", "convolutional", "core", "padding", "pooling", "reshaping", "resizing"]
