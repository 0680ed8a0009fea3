"""Exports Keras networks to ONNX by tracing them."""

import os
from pathlib import Path

import keras
import tensorflow as tf

from models.errors import NotServable
from models.spec import OUTPUT
from models.tracing.conversion import convert
from models.tracing.layers import exportable


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network in inference mode, for any number of rows; inputs keep their names, the output is "output".

    Raises NotServable if TensorFlow or tf2onnx can't convert one of the layers; then there is no file at `path`.
    """
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tf.float32, tensor.name) for tensor in network.inputs]

    def predict(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)}

    try:
        with exportable(network):
            proto = convert(tf.function(predict, autograph=False), signature)
    except NotServable:
        raise
    except Exception as error:
        raise NotServable(f"The network can't be exported to ONNX: {error}.") from error
    written = path.with_name(f"{path.name}.part")
    with written.open("wb") as file:
        file.write(proto.SerializeToString())
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
