"""The pages of datasets: the list, a dataset with its columns, classes and batches, and the form for a new one."""

from typing import Any

import numpy as np
from flask import Response, request

from models.dataset_descriptor import InputDescriptor
from models.previews.picture_encoding import PictureEncoder
from service import statuses
from service.api.contract.schemas.dataset_versions import DatasetVersionSchema
from service.api.contract.schemas.datasets import SPLITS, DatasetSchema
from service.api.http.state import context
from service.api.ui.batches import Batch, read_batch, whole
from service.api.ui.blueprint import page, page_blueprint, show, whole_number
from service.api.ui.formatting import query
from service.callers import Scope
from service.operations.catalog import dataset_versions, datasets
from service.storage.paging import PageQuery

BATCH_SIZE, LARGEST_BATCH = 32, 1_000_000
MOST_COLUMNS, MOST_CLASSES, MOST_VERSIONS = 100, 50, 20
PER_PAGE = 20
MOST_PICTURES = 40
LARGEST_PICTURE = 144
"""The pixels of an image of a batch on each side, at most: twice as many as the page shows, for sharp screens."""

blueprint = page_blueprint(__name__)


@page(blueprint, "/datasets")
def dataset_list() -> Response:
    """The list of datasets."""
    found = datasets.list_page(context(), PageQuery(PER_PAGE, cursor=request.args.get("cursor")))
    return show(
        "datasets.html",
        "datasets",
        datasets=DatasetSchema(many=True).dump(found.items),
        following=query(cursor=found.next_cursor),
        is_first="cursor" not in request.args,
    )


@page(blueprint, "/datasets/new", Scope.TRAIN)
def new_dataset() -> Response:
    """The form for a new dataset: from a file, or from a built-in source."""
    return show("dataset-new.html", "dataset_new", sources=datasets.sources())


@page(blueprint, "/datasets/<name>")
def dataset(name: str) -> Response:
    """A dataset."""
    found = DatasetSchema().dump(datasets.get(context(), name))
    values: dict[str, Any] = {"batch": None}
    if found["status"] == statuses.READY:
        versions = dataset_versions.list_page(context(), name, PageQuery(MOST_VERSIONS)).items
        values = {"versions": DatasetVersionSchema(many=True).dump(versions), **_look_at_batch(found)}
    return show(
        "dataset.html", "datasets", dataset=found, most_columns=MOST_COLUMNS, most_classes=MOST_CLASSES, **values
    )  # fmt: skip


def _look_at_batch(found: dict[str, Any]) -> dict[str, Any]:
    """The batch that the query asks for, with what the page shows of it."""
    split = request.args.get("split", SPLITS[0])
    split = split if split in SPLITS else SPLITS[0]
    size = min(max(whole_number("size", BATCH_SIZE), 1), LARGEST_BATCH)
    batch = read_batch(context(), found, split, whole_number("batch", 1), size)
    if batch is None:
        return {"batch": None, "split": split}
    return {
        "batch": batch,
        "split": split,
        "tensors": whole(found, batch, found["splits"][split]),
        "pictures": _encode_pictures(found, batch),
    }


def _encode_pictures(found: dict[str, Any], batch: Batch) -> list[tuple[dict[str, Any], str]]:
    """The first rows of a batch of images, each with its image in a `data:` URL; none of other data."""
    if found["kind"] != "image" or len(found["inputs"]) > 1:
        return []
    encoder = PictureEncoder.of(InputDescriptor.from_document(found["inputs"][0]), LARGEST_PICTURE)
    rows = batch.rows[:MOST_PICTURES]
    return [(row, f"data:image/png;base64,{encoder.encode(np.asarray(row['instance']))}") for row in rows]
