"""Sequences as images of height 1, for which ONNX Runtime has faster convolutions and pooling."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

import onnx_ir as ir

from models.export.graph import Layer, Tensor

SEQUENCE_RANK = 2
"""The number of axes of a sequence in a row."""
HEIGHT = [1]
"""The axis of the height in a batch of images."""
PER_DIMENSION = ("kernel_size", "pool_size", "strides", "dilation_rate")
"""The parameters that have a number for each dimension."""

Builder = Callable[[Layer, Tensor], ir.Value]


def sequences_as_images(builder: Builder) -> Builder:
    """Make a builder of layers of images one of the layers of sequences, too."""

    @wraps(builder)
    def build(layer: Layer, x: Tensor) -> ir.Value:
        if len(x.shape) != SEQUENCE_RANK:
            return builder(layer, x)
        image = image_before(x) or Tensor(layer.op.Unsqueeze(x.value, HEIGHT), (1, *x.shape))
        return layer.op.Squeeze(builder(over_images(layer), image), HEIGHT)

    return build


def keeps_images(builder: Builder) -> Builder:
    """Make a builder of elementwise layers and of those with an `axis` work on the image, if a layer of images gave the
    sequence: ONNX Runtime fuses them with a convolution, but not past a Squeeze."""

    @wraps(builder)
    def build(layer: Layer, x: Tensor) -> ir.Value:
        image = image_before(x)
        if image is None:
            return builder(layer, x)
        parameters = dict(layer.parameters)
        if parameters.get("axis", -1) > 0:
            parameters["axis"] -= len(x.shape) + 1  # from the end, so that the height doesn't shift it
        return layer.op.Squeeze(builder(replace(layer, parameters=parameters), image), HEIGHT)

    return build


def image_before(x: Tensor) -> Tensor | None:
    """The image of which sequences_as_images gave this sequence, if it did so: ONNX Runtime doesn't remove a pair of
    Squeeze and Unsqueeze."""
    node = x.value.producer()
    if len(x.shape) != SEQUENCE_RANK or node is None or node.op_type != "Squeeze":
        return None
    image, axes = node.inputs
    squeezed = None if axes is None else ir.convenience.get_const_tensor(axes)
    if image is None or squeezed is None or squeezed.numpy().tolist() != HEIGHT:
        return None
    return Tensor(image, (1, *x.shape))


def over_images(layer: Layer) -> Layer:
    """The layer with parameters for images of height 1."""
    parameters = dict(layer.parameters)
    for name in PER_DIMENSION:
        value = parameters.get(name)
        if value is not None:
            parameters[name] = [1, *([value] if isinstance(value, int) else value)]
    return replace(layer, parameters=parameters)
