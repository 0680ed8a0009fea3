"""Reads the vocabulary that an IntegerLookup layer has learned."""

from typing import Any

from models.model_files.keras.container import KerasFile
from models.model_files.keras.graph import FlatLayer
from models.model_files.keras.refusal import refusal, shown


def read_vocabulary(layer: FlatLayer, file: KerasFile) -> dict[str, Any]:
    """The parameter `vocabulary`, without the special tokens that Keras writes before it. Raises InvalidSpec."""
    data = file.vocabularies.get(layer.path)
    if data is None:
        raise refusal(f"The file has no vocabulary of the layer `{shown(layer.saved_name)}`.")
    document = layer.document
    special = document.get("num_oov_indices", 1)
    special += document.get("mask_token") is not None and document.get("output_mode", "int") == "int"
    try:
        tokens = [int(line) for line in data.decode().split("\n") if line.strip()]
    except ValueError as problem:
        raise refusal(f"The vocabulary of the layer `{shown(layer.saved_name)}` isn't a list of integers.") from problem
    return {"vocabulary": tokens[special:]}
