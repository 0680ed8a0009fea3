"""The builders of layer types, one module for each of the catalogue's categories. Importing it registers them all."""

from models.export.layers import (
    activations,
    augmentation,
    core,
    merging,
    normalization,
    preprocessing,
    regularization,
    reshaping,
)

__all__ = [
    "activations",
    "augmentation",
    "core",
    "merging",
    "normalization",
    "preprocessing",
    "regularization",
    "reshaping",
]
