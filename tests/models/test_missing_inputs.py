"""What replaces missing values of a table's columns, in training and in predictions, and indicators of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from models.preprocessing.dataset_inputs import table_columns
from models.preprocessing.missing import find_missing_faults
from models.spec import NetworkSpec
from tests.models.made_uploads import NO_SPLIT, import_upload
from tests.models.network_specs import make_spec

CARS = """hp,built,town,sold,y
100,2024-01-01,Bern,true,1
,2024-01-03,Bern,false,2
100,,Basel,true,3
160,2024-01-05,,,4
200,2024-01-11,Bern,false,5
"""


def fit(folder: Path, **options: Any) -> Preprocessing:
    """The preprocessing of the cars without scaling, read from its document."""
    folder.mkdir(exist_ok=True)
    dataset = import_upload(folder, CARS, split=NO_SPLIT)
    inputs = inputs_from_dataset(dataset.descriptor, "cars", "none", **options)
    spec = NetworkSpec.from_document(json.loads(json.dumps(make_spec(inputs=inputs).to_document())))
    return Preprocessing.from_document(json.loads(json.dumps(Preprocessing.fit(spec, dataset).to_document())))


def encode(preprocessing: Preprocessing, row: dict[str, Any]) -> tuple[list[float], list[str]]:
    """A row's numbers, and the details of its warnings."""
    values, warnings = preprocessing.read_instances([row])
    return values["input"][0].tolist(), [warning["detail"] for warning in warnings]


@pytest.mark.parametrize(
    ("missing", "expected", "says"),
    [
        (None, 130, "the training rows' median, 130, is used"),
        ("median", 130, "the training rows' median, 130, is used"),
        ("mean", 140, "the training rows' mean, 140, is used"),
        ("zero", 0, "0 is used"),
        ("most_frequent", 100, "the training rows' most frequent value, 100, is used"),
        ({"hp": "mean", "sold": "zero"}, 140, "the training rows' mean, 140, is used"),
    ],
)
def test_a_missing_number_is_replaced_as_chosen(missing: Any, expected: float, says: str, tmp_path: Path) -> None:
    preprocessing = fit(tmp_path, missing=missing)
    numbers, details = encode(preprocessing, {"built": "2024-01-01", "town": "Bern", "sold": True})
    assert numbers[0] == expected
    assert details == [f'"hp" is missing: {says}.']


def test_a_missing_category_is_unknown_unless_the_most_frequent_replaces_it(tmp_path: Path) -> None:
    row = {"hp": 100, "built": "2024-01-01", "sold": True}
    numbers, details = encode(fit(tmp_path / "default"), row)
    assert numbers[-4:-1] == [0, 0, 1]
    assert details == ['"town" is missing: it is encoded as an unseen category.']
    numbers, details = encode(fit(tmp_path / "usual", missing="most_frequent"), row)
    assert numbers[-4:-1] == [0, 1, 0]
    assert details == ['"town" is missing: the training rows\' most frequent category, "Bern", is used.']


def test_a_choice_for_the_whole_table_applies_where_it_can(tmp_path: Path) -> None:
    preprocessing = fit(tmp_path, missing="zero")
    numbers, details = encode(preprocessing, {"hp": 100})
    assert details == [
        '"built" is missing: the training rows\' median, 2024-01-04, is used.',
        '"town" is missing: it is encoded as an unseen category.',
        '"sold" is missing: 0 is used.',
    ]
    assert numbers[-1] == 0


def test_an_indicator_tells_which_values_were_missing(tmp_path: Path) -> None:
    plain = fit(tmp_path / "plain").to_document()["input"]["shape"]
    preprocessing = fit(tmp_path / "all", indicator=True)
    assert preprocessing.to_document()["input"]["shape"] == [plain[0] + 3]
    present = {"hp": 100, "built": "2024-01-01", "town": "Bern", "sold": True}
    assert [encode(preprocessing, present)[0][place] for place in (1, 7, -1)] == [0, 0, 0]
    assert [encode(preprocessing, {"town": "Bern"})[0][place] for place in (1, 7, -1)] == [1, 1, 1]
    csv, _ = preprocessing.read_instances(CsvText(b"hp,town\n,Bern\n7,Bern\n"))
    assert csv["input"][:, 1].tolist() == [1, 0]


def test_an_indicator_for_some_columns(tmp_path: Path) -> None:
    preprocessing = fit(tmp_path, indicator=["sold"])
    assert encode(preprocessing, {"hp": 1})[0][-1] == 1
    columns = preprocessing.to_document()["input"]["columns"]
    assert [column["name"] for column in columns if column.get("missing_indicator")] == ["sold"]


@pytest.mark.parametrize(
    ("missing", "indicator", "pointer", "says"),
    [
        ("average", None, "#/input/missing", "must be one of median, mean, zero, most_frequent"),
        ({"HP": "mean"}, None, "#/input/missing/HP", 'Did you mean "hp"?'),
        ({"hp": 5}, None, "#/input/missing/hp", "must be one of median"),
        ({"town": "mean"}, None, "#/input/missing/town", "is a category, whose missing values `mean` can't replace"),
        ({"built": "zero"}, None, "#/input/missing/built", "use median or mean or most_frequent"),
        (None, "hp", "#/input/missing_indicator", "must be true, false or a list of columns"),
        (None, ["hp", "power"], "#/input/missing_indicator/1", 'There is no column "power".'),
        (None, [[]], "#/input/missing_indicator/0", "There is no column"),
        (None, ["town"], "#/input/missing_indicator/0", "already has a position for missing values"),
    ],
)
def test_a_wrong_choice_is_named(missing: Any, indicator: Any, pointer: str, says: str, tmp_path: Path) -> None:
    columns = table_columns(import_upload(tmp_path, CARS, split=NO_SPLIT).descriptor)
    (fault,) = find_missing_faults(columns, missing, indicator, "#/input")
    assert fault.pointer == pointer
    assert says in fault.detail
