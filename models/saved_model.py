"""Writes a network as a TensorFlow SavedModel in a ZIP, with the same bytes for the same network."""

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
"""Files that are random and not needed for loading."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The timestamp of all files in the ZIP: the earliest that the format supports."""


def write_saved_model(network: keras.Model, path: Path) -> None:
    """Write the network in inference mode, for any number of rows: endpoint `serve`, signature `serving_default`.

    Inputs keep their names as far as argument_names allows; the output is "output". Keras's own export takes three
    times as long, because it saves every layer, and its names differ between exports.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        module = _make_module(network)
        # Otherwise TensorFlow translates its own wrappers of the signature, which takes a third of the time.
        save = tf.autograph.experimental.do_not_convert(tf.saved_model.save)
        save(module, str(folder), signatures={"serving_default": module.serve})
        (folder / FINGERPRINT).unlink(missing_ok=True)
        _order(folder / GRAPH_FILE)
        _pack(folder, path)


def _make_module(network: keras.Model) -> Any:
    """The module to save: the network's variables, and one function of its inputs."""
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
    """The argument names of the inputs: their names, or `input_0`, `input_1`, … if TensorFlow, which ignores case and
    punctuation, couldn't distinguish them, or if one conflicts with `self`."""
    plain = [re.sub(r"\W", "_", name.lower()) for name in names]
    distinct = len({*plain, "self"}) > len(plain)
    return names if distinct else [f"input_{place}" for place in range(len(names))]


def _order(path: Path) -> None:
    """Rewrite a graph with the entries of its maps sorted."""
    graph = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _pack(folder: Path, path: Path) -> None:
    """Pack all files of a folder into a ZIP, uncompressed, because weights hardly compress."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(found for found in folder.rglob("*") if found.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(1 << 20):
                    target.write(block)
