"""Datasets imported for tests, as a client would request them."""

from pathlib import Path
from typing import Any

import orjson

from models.datasets import Dataset, import_dataset
from models.limits import Limits


def make_dataset(
    folder: Path, source: str, *, cache: Path | None = None, limits: Limits | None = None, **members: Any
) -> Dataset:
    """Import into `folder`/SOURCE, without a network."""
    target = folder / source
    target.mkdir(parents=True)
    import_dataset(
        {"name": "made", "source": source, **members},
        target,
        cache=cache or folder / "no-cache",
        downloads=False,
        limits=limits or Limits(),
        progress=lambda share: None,
    )
    return Dataset.open(target)


def read_rows(dataset: Dataset, split: str, offset: int, limit: int) -> list[dict[str, Any]]:
    """Rows as a client gets them."""
    rows = orjson.dumps(dataset.rows_page(split, offset, limit), option=orjson.OPT_SERIALIZE_NUMPY)
    found: list[dict[str, Any]] = orjson.loads(rows)
    return found
