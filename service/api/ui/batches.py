"""A batch of a dataset as a learner looks at it: its arrays as NumPy describes them, and its rows."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.context import Context
from service.operations.catalog import datasets
from service.storage.paging import PageQuery, encode_cursor

MOST_ROWS = 100
"""The rows of a batch that are read at most, as of a list."""
MOST_PICTURES = 40
SMALLEST_PICTURE = 2


@dataclass(frozen=True)
class Tensor:
    """An array: its rank, shape and type, as NumPy prints them."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclass(frozen=True)
class Batch:
    """Rows of a split that a training would take in one step if it didn't shuffle them."""

    number: int
    count: int
    size: int
    first: int
    """The index of the first row in the split, from 0."""
    rows: list[dict[str, Any]]
    """`row`, `instance`, `target`; at most MOST_ROWS."""
    expected: int
    """The number of rows in the batch."""
    tensors: list[Tensor]


def read_batch(context: Context, dataset: dict[str, Any], split: str, number: int, size: int) -> Batch | None:
    """A batch of a dataset, numbered from 1; None if the split has no rows.

    Raises NotFound, NotReady, DamagedDataset.
    """
    rows = dataset["splits"][split]
    if not rows:
        return None
    count = math.ceil(rows / size)
    number = min(max(number, 1), count)
    first = (number - 1) * size
    expected = min(size, rows - first)
    query = PageQuery(min(expected, MOST_ROWS), cursor=encode_cursor([first, dataset["version"]]))
    found = list(datasets.rows_page(context, dataset["name"], split, query).items)
    return Batch(number, count, size, first, found, expected, _tensors(dataset, found[0], expected))


def whole(dataset: dict[str, Any], batch: Batch, rows: int) -> list[Tensor]:
    """The arrays of all rows of a split, of which a batch was read."""
    return [Tensor(tensor.name, (rows, *tensor.shape[1:]), tensor.dtype) for tensor in batch.tensors]


def _tensors(dataset: dict[str, Any], row: dict[str, Any], rows: int) -> list[Tensor]:
    if dataset["kind"] == "table":
        types = {entry["type"] for entry in dataset["inputs"]}
        inputs = [Tensor("x", (rows, len(dataset["inputs"])), "float64" if types == {"number"} else "object")]
    else:
        instance = row["instance"]
        by_name = instance if isinstance(instance, dict) else {"x": instance}
        inputs = [
            Tensor(name, (rows, *np.shape(value)), str(np.asarray(value).dtype)) for name, value in by_name.items()
        ]
    target = np.asarray(row["target"])
    dtype = "str" if target.dtype.kind == "U" else str(target.dtype)
    return [*inputs, Tensor("y", (rows, *target.shape), dtype)]


def picture_url(instance: np.ndarray) -> str:
    """A picture as a PNG in a `data:` URL; values that aren't bytes are stretched over the greys."""
    from PIL import Image  # only for pages with pictures

    values = np.asarray(instance)
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = ((values - low) / ((high - low) or 1) * 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
