"""Rows that are appended to a table, as values of its columns."""

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from models.datasets import Dataset, import_dataset
from models.datasets.appending import read_appended
from models.datasets.examples import Examples
from models.errors import InvalidData
from models.limits import Limits
from tests.models.made_datasets import make_dataset


def append(folder: Path, row: dict[str, Any], targets: list[Any]) -> Examples:
    """A table of integers with one more row."""
    rows = [{"count": number, "total": target} for number, target in enumerate(targets)]
    dataset = make_dataset(folder / "made", "inline", rows=rows, target="total")
    (folder / "scratch").mkdir()
    return read_appended(dataset, {"append": [row]}, folder / "scratch")


@pytest.mark.parametrize("large", [1e20, 2**63, -(10**25)])
def test_a_number_that_is_no_integer_of_64_bits_makes_a_column_one_of_fractions(large: float, tmp_path: Path) -> None:
    examples = append(tmp_path, {"count": large, "total": large}, list(range(0, 300, 7)))

    assert examples.table is not None
    assert isinstance(examples.targets, np.ndarray)
    frame = examples.table.frame.collect()
    assert frame.dtypes == [polars.Float64()]
    assert frame.to_series()[-1] == examples.targets[-1] == float(large)


def test_a_class_that_is_no_integer_of_64_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as caught:
        append(tmp_path, {"count": 1, "total": 1e20}, [0, 1] * 8)
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.row) == ("#/append/0/total", 0)
    assert fault.detail == 'Row 0: "total" must be an integer of 64 bits, as the classes are, not 1e+20.'


def test_the_positive_class_stays_when_rows_are_appended(tmp_path: Path) -> None:
    rows = [{"x": number, "kind": kind} for number, kind in enumerate(["fraud"] * 4 + ["usual"] * 6)]
    dataset = make_dataset(tmp_path / "made", "inline", rows=rows, target="kind")
    added = {"source": "append", "append": [{"x": 1, "kind": "fraud"}] * 9, "target": "kind"}
    folder = tmp_path / "added"
    folder.mkdir()

    import_dataset(
        added,
        folder,
        cache=tmp_path,
        downloads=False,
        limits=Limits(),
        progress=lambda share: None,
        base=dataset.folder,
    )

    target = Dataset.open(folder).descriptor.target
    assert (target.classes, target.counts) == (["usual", "fraud"], [6, 13])
    assert target.positive_class == dataset.descriptor.target.positive_class == "fraud"


def test_a_number_with_a_unit_is_no_target_of_a_posted_row(tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as caught:
        append(tmp_path, {"count": 1, "total": "3 kg"}, [f"{number}.5 kg" for number in range(12)])
    (fault,) = caught.value.faults
    assert fault.detail == 'Row 0: "total" must be a number, not the text "3 kg".'
