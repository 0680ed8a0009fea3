"""What the files in a version's folder are called, and those that can be read without Keras."""

import json
from pathlib import Path
from typing import Any, Final

from models.errors import IncompleteVersion
from models.spec import NetworkSpec

ARTIFACTS: Final = {
    "keras": "network.keras",
    "onnx": "network.onnx",
    "saved_model": "saved_model.zip",
    "preprocessing": "preprocessing.json",
}
"""The formats that clients may download."""
WEIGHTS: Final = "weights.npz"
TRAINED: Final = "trained.json"
"""What rebuilding the trained network takes besides its weights and its preprocessing."""


def read_document(path: Path) -> dict[str, Any]:
    """A JSON file of a version. Raises IncompleteVersion where it is missing or damaged."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        detail = f"The version has no {path.name} that can be read, so its network can't be loaded: train another one."
        raise IncompleteVersion(detail) from error
    return document


def read_spec(folder: Path) -> NetworkSpec:
    """The spec of a version's network, with what its layers learnt from the rows. Raises IncompleteVersion."""
    return NetworkSpec.from_document(read_document(folder / TRAINED)["spec"])
