"""From raw values to what the network takes: one implementation for training and for predicting. NumPy only.

A number always becomes (value - mean) / std; without scaling that is (value - 0) / 1, and `unit` is (value - 0) / 255.
What was learned from the training rows is kept as JSON, and reads back to the same bits.
"""

from models.preprocessing.posted import CsvText, Instances, JsonNumbers, NamedFile, read_npy
from models.preprocessing.preprocessing import Preprocessing, inputs_from_dataset, named_input_from_dataset

__all__ = [
    "CsvText",
    "Instances",
    "JsonNumbers",
    "NamedFile",
    "Preprocessing",
    "inputs_from_dataset",
    "named_input_from_dataset",
    "read_npy",
]
