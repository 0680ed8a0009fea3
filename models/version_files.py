"""What the files in a version's folder are called."""

from typing import Final

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
