"""What `fitserve datasets show` prints of a dataset's columns and notes."""

from pathlib import Path

import pytest

from service.commands.dataset_view import print_dataset
from tests.models.made_uploads import import_upload, to_csv


def test_columns_show_missing_values_ranges_units_and_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {
        "": list(range(10)), "size": [*[f"{size},000 sqft" for size in range(1, 9)], "-", ""], "shop": ["a"] * 10,
        "town": [f"town {number % 5}" for number in range(10)], "built": [f"{day}.12.2024" for day in range(13, 23)],
        "price": [f"${price * 1000:,}" for price in range(1, 11)],
    }  # fmt: skip
    dataset = import_upload(tmp_path, to_csv(columns), target="price", split={"validation": 0, "test": 0})
    print_dataset(
        {
            "name": "flats",
            "version": 1,
            "source": "upload",
            "status": "ready",
            "error": None,
            "metadata": {},
            **dataset.descriptor.to_document(),
        }
    )

    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown if " input " in line or " target " in line] == [
        "size number input 2 1,000 to 8,000 sqft 1,234.5 sqft",
        "town category input 0 town 0, town 1, town 2, town 3, … (5) -",
        "built date input 0 2024-12-13 to 2024-12-22 DD.MM.YYYY",
        "price number target - 1,000 to 10,000 $ -",
    ]
    assert [line for line in shown if line.startswith(("column_1", "shop"))] == [
        "column_1 identifier It counts the rows.",
        "shop constant It has the same value in every row.",
    ]
    assert shown[-3:] == [
        'price The texts are read as numbers in "$": "$1,000" is 1000.',
        'size The texts are read as numbers in "sqft": "1,000 sqft" is 1000.',
        'size "-" counts as missing.',
    ]
