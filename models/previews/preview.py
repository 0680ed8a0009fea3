"""Chooses how to show a dataset, and describes its rows and its target."""

import math
from typing import Any

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import SPLITS, Dataset
from models.previews.histograms import show_columns, show_features
from models.previews.pictures import show_pictures
from models.previews.points import show_points
from models.previews.sequences import show_sequences
from models.previews.targets import describe_target

LARGEST_COUNT = 100
"""The most pictures, sequences or columns of a preview."""
PICTURES, SEQUENCES, COLUMNS = 24, 9, 12
"""How many a preview shows by default."""


def make_preview(dataset: Dataset, split: str | None = None, count: int | None = None) -> dict[str, Any]:
    """The preview of a dataset.

    `form` is `pictures`, `sequences`, `points` or `histograms`, whose member of that name has what to draw. `split` is
    the split of the rows, or None if it is about all splits; without one, pictures, sequences and points come from the
    training rows, or from the first split that has rows. `count` is how many pictures, sequences or columns to show,
    at most LARGEST_COUNT. Raises DamagedDataset.
    """
    descriptor = dataset.descriptor
    form = _find_form(descriptor)
    notes: list[str] = []
    document: dict[str, Any] = {
        "kind": descriptor.kind, "form": form, "split": split, "rows": descriptor.rows, "target": None,
        "notes": notes, "pictures": None, "sequences": None, "points": None, "histograms": None,
    }  # fmt: skip
    if form == "histograms" and descriptor.is_table:
        document[form] = show_columns(dataset, split, count or COLUMNS, notes)
    else:
        document["split"] = split or next((name for name in SPLITS if descriptor.splits[name]), SPLITS[0])
        rows = dataset.split(document["split"])
        if form == "pictures":
            document[form] = show_pictures(descriptor, rows, count or PICTURES, notes)
        elif form == "sequences":
            document[form] = show_sequences(descriptor, rows, count or SEQUENCES, notes)
        elif form == "points":
            document[form] = show_points(descriptor, rows, notes)
        else:
            document[form] = show_features(descriptor, rows, count or COLUMNS, notes)
    if document["split"] is not None:
        document["rows"] = descriptor.splits[document["split"]]
    document["target"] = describe_target(dataset, document["split"])
    return document


def _find_form(descriptor: DatasetDescriptor) -> str:
    shapes = [entry.shape for entry in descriptor.inputs]
    if descriptor.kind in ("image", "video"):
        return "pictures"
    if descriptor.kind == "sequence":
        return "sequences"
    is_numeric = all(entry.type == "number" for entry in descriptor.inputs)
    return "points" if is_numeric and sum(math.prod(shape) for shape in shapes) in (1, 2) else "histograms"
