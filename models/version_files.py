"""The names of the files in a version's folder, and reading those that need no Keras."""

import json
from pathlib import Path
from typing import Any, Final

from models.errors import DamagedNetwork, IncompleteVersion
from models.files.sums import check_recorded, hash_file
from models.spec import NetworkSpec
from models.version_details import ArtifactFile

ARTIFACTS: Final = {
    "keras": "network.keras",
    "onnx": "network.onnx",
    "saved_model": "saved_model.zip",
    "preprocessing": "preprocessing.json",
}
"""The formats that clients can download."""
WEIGHTS: Final = "weights.npz"
TRAINED: Final = "trained.json"
"""What is needed to rebuild the trained network besides its weights and preprocessing."""


def describe_artifacts(folder: Path) -> tuple[ArtifactFile, ...]:
    """The files in a version's folder that clients can download. Raises OSError."""
    found = {format_: folder / name for format_, name in ARTIFACTS.items() if (folder / name).exists()}
    return tuple(ArtifactFile(format_, path.stat().st_size, hash_file(path)) for format_, path in found.items())


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON file of a version. Raises DamagedNetwork if it isn't what was saved, IncompleteVersion if it is
    missing or damaged in a version without checksums, which an older Fitserve saved."""
    check_recorded(path, DamagedNetwork)
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        detail = f"{path.name} of the version is missing or damaged, so its network can't be loaded: train a new one."
        raise IncompleteVersion(detail) from error
    return document


def read_spec(folder: Path) -> NetworkSpec:
    """The spec of a version's network, with what its layers learned from the rows. Raises IncompleteVersion."""
    return NetworkSpec.from_document(read_document(folder / TRAINED)["spec"])
