"""Turns raw values into the network's inputs: one implementation for training and prediction. NumPy only.

A number always becomes (value - mean) / std; without scaling that is (value - 0) / 1, and `unit` is (value - 0) / 255.
The fitted state is stored as JSON, from which it is restored bit for bit.
"""

from models.preprocessing.dataset_inputs import inputs_from_dataset, named_input_from_dataset, text_from_dataset
from models.preprocessing.imported import fit_to_dataset
from models.preprocessing.posted import CsvText, Instances, JsonNumbers, NamedFile, TableFile, read_npy
from models.preprocessing.preprocessing import Preprocessing

__all__ = [
    "CsvText",
    "Instances",
    "JsonNumbers",
    "NamedFile",
    "Preprocessing",
    "TableFile",
    "fit_to_dataset",
    "inputs_from_dataset",
    "named_input_from_dataset",
    "read_npy",
    "text_from_dataset",
]
