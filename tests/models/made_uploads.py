"""Uploaded files imported for tests."""

from pathlib import Path
from typing import Any

import polars
import pytest

from models.datasets import Dataset, check_request, import_dataset
from models.errors import Fault, InvalidData
from models.limits import Limits

NO_SPLIT = {"validation": 0, "test": 0}


def import_upload(
    folder: Path, data: bytes | str, name: str = "made.csv", *, limits: Limits | None = None, **options: Any
) -> Dataset:
    """Import a file of this content and name; `target` is `y` unless told otherwise (None: none)."""
    upload, target = folder / "upload", folder / "dataset"
    upload.mkdir(exist_ok=True)
    target.mkdir(exist_ok=True)
    (upload / "data").write_bytes(data.encode() if isinstance(data, str) else data)
    options = {"target": "y"} | options
    request = {"name": "made", "source": "upload", "file": {"name": name}, **options}
    import_dataset(
        {member: value for member, value in request.items() if value is not None},
        target,
        upload=upload,
        cache=folder / "no-cache",
        downloads=False,
        limits=limits or Limits(),
        progress=lambda share: None,
    )
    return Dataset.open(target)


def faults_of_upload(folder: Path, data: bytes | str, name: str = "made.csv", **options: Any) -> list[Fault]:
    """What is wrong with a file; nothing of it stays on the disk."""
    with pytest.raises(InvalidData) as caught:
        import_upload(folder, data, name, **options)
    assert list((folder / "dataset").iterdir()) == []
    return list(caught.value.faults)


def faults_of_request(**options: Any) -> list[Fault]:
    """What is known to be wrong without the file."""
    with pytest.raises(InvalidData) as caught:
        check_request({"source": "upload", "file": {"name": "made.csv"}, "target": "y", **options})
    return list(caught.value.faults)


def to_csv(columns: dict[str, Any]) -> str:
    """Columns as the text of a CSV."""
    return polars.DataFrame(columns).write_csv()


def read_types(dataset: Dataset) -> dict[str, str]:
    """The types of the inputs by name."""
    return {entry.name: entry.type for entry in dataset.descriptor.inputs}


def read_reasons(dataset: Dataset) -> dict[str, str]:
    """Why columns were left out, by name."""
    return {entry.name: entry.reason for entry in dataset.descriptor.left_out or ()}
