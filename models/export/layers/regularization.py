"""Layers that regularize the training, and in predictions hand on their input.

The formulas are those of keras/src/layers/regularization.
"""

import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds


@builds(
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
    passes_mask=True,
)
def regularization(layer: Layer, x: Tensor) -> ir.Value:
    """x."""
    return x.value
