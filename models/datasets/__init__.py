"""Datasets: the sources of raw rows, splitting, description, and storage in a folder."""

from models.datasets.appending import APPEND, append_options, find_append_problem
from models.datasets.drift import find_drift
from models.datasets.folds import MOST_FOLDS, assign_folds, fold_dataset
from models.datasets.importing import check_request, compute_rows, find_request_faults, import_dataset
from models.datasets.sources import SOURCES, source_documents
from models.datasets.splits import SPLITS
from models.datasets.storage import Dataset, Split
from models.datasets.uploads import file_name

__all__ = [
    "APPEND",
    "MOST_FOLDS",
    "SOURCES",
    "SPLITS",
    "Dataset",
    "Split",
    "append_options",
    "assign_folds",
    "check_request",
    "compute_rows",
    "file_name",
    "find_append_problem",
    "find_drift",
    "find_request_faults",
    "fold_dataset",
    "import_dataset",
    "source_documents",
]
