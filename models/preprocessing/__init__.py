"""Turns raw values into the network's inputs: one implementation for training and prediction. NumPy only.

A number always becomes (value - mean) / std; without scaling that is (value - 0) / 1, and `unit` is (value - 0) / 255.
The fitted state is stored as JSON, from which it is restored bit for bit.
"""

from models.preprocessing.posted import CsvText, Instances, JsonNumbers, NamedFile, read_npy
from models.preprocessing.preprocessing import (
    Preprocessing,
    inputs_from_dataset,
    named_input_from_dataset,
    text_input,
)

__all__ = [
    "CsvText",
    "Instances",
    "JsonNumbers",
    "NamedFile",
    "Preprocessing",
    "inputs_from_dataset",
    "named_input_from_dataset",
    "read_npy",
    "text_input",
]
