"""Writes a network as a TensorFlow SavedModel in a ZIP, the same bytes for the same network."""

import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

OUTPUT = "output"
GRAPH_FILE = "saved_model.pb"
FINGERPRINT = "fingerprint.pb"
"""Random, and not needed for loading."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of all files in the ZIP; its format knows none before."""


def write_saved_model(network: keras.Model, path: Path) -> None:
    """Write the network as it predicts, with any number of rows: endpoint `serve`, signature `serving_default`.

    Inputs keep their names as far as argument_names can, the output is "output". Keras's own export does the same in
    three times the time, for it keeps every layer, and names differ from one time to the next.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        module = _make_module(network)
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
        (folder / FINGERPRINT).unlink(missing_ok=True)
        _order(folder / GRAPH_FILE)
        _pack(folder, path)


def _make_module(network: keras.Model) -> Any:
    """What is saved: the network's variables, and one function of its inputs."""
    names = [tensor.name for tensor in network.inputs]
    signature = [
        tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, argument)
        for tensor, argument in zip(network.inputs, argument_names(names), strict=True)
    ]

    def predict(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        taken = inputs[0] if len(inputs) == 1 else dict(zip(names, inputs, strict=True))
        return {OUTPUT: network(taken, training=False)}

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(predict, input_signature=signature, autograph=False)
    return module


def argument_names(names: list[str]) -> list[str]:
    """What the inputs are called as arguments: their names, or `input_0`, `input_1`, … where TensorFlow, to which
    capitals and punctuation are the same, could not tell these apart, or takes one for its own `self`."""
    plain = [re.sub(r"\W", "_", name.lower()) for name in names]
    distinct = len({*plain, "self"}) > len(plain)
    return names if distinct else [f"input_{place}" for place in range(len(names))]


def _order(path: Path) -> None:
    """Write a graph again with the members of its maps in order."""
    graph = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _pack(folder: Path, path: Path) -> None:
    """Put all files of a folder into a ZIP, uncompressed: weights are noise to a compressor."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(found for found in folder.rglob("*") if found.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(1 << 20):
                    target.write(block)
