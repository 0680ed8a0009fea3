"""Columns of texts as inputs of networks: from the table to the numbers, in training and in predictions."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.allowance import Allowance
from models.batches.files import check_file, read_file
from models.compatibility import check_fit, check_inputs_fit, check_kept
from models.datasets import Dataset
from models.errors import Excessive, Fault, InvalidData, InvalidInstances
from models.kept import Kept
from models.limits import Limits
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset, text_from_dataset
from models.preprocessing import preprocessing as module
from models.signature import Signature
from models.spec import InputSpec, NetworkSpec
from models.text_options import OutputMode, TextOptions, TextSplit
from models.values.pointers import pointer_to
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.network_specs import make_spec

REVIEWS = ["a good film", "a bad film", None, "good good"]
ROWS: list[dict[str, Any]] = [
    {"review": review, "stars": stars, "title": f"title {stars}", "liked": liked}
    for review, stars, liked in zip(REVIEWS, [5, 1, 3, 4], ["yes", "no", "no", "yes"], strict=True)
]
TYPES = {"review": "text", "title": "text"}
OPTIONS = TextOptions("review", 5, length=2)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_table(tmp_path / "data")


def make_table(folder: Path, rows: list[dict[str, Any]] = ROWS, **members: Any) -> Dataset:
    return make_dataset(folder, "inline", rows=rows, **{"target": "liked", "types": TYPES, **members})


def spec_for(dataset: Dataset, *texts: TextOptions, rest: bool = True) -> NetworkSpec:
    inputs: dict[str, InputSpec] = {f"text_{number}": text_from_dataset(text, "d") for number, text in enumerate(texts)}
    (others,) = inputs_from_dataset(dataset.descriptor, "d", "none").values()
    return make_spec("binary", inputs | ({"rest": others} if rest else {}), "binary_crossentropy")


def fit(dataset: Dataset, *texts: TextOptions, rest: bool = True) -> Preprocessing:
    fitted = Preprocessing.fit(spec_for(dataset, *texts, rest=rest), dataset)
    return Preprocessing.from_document(fitted.to_document())


def read(preprocessing: Preprocessing, instances: Any) -> tuple[dict[str, Any], list[tuple[int, str, str]]]:
    inputs, warnings = preprocessing.read_instances(instances)
    found = [(warning["row"], warning["column"], warning["type"]) for warning in warnings]
    return {name: values.tolist() for name, values in inputs.items()}, found


def faults_of(error: pytest.ExceptionInfo[Any]) -> list[Fault]:
    return list(error.value.faults)


def test_a_dataset_shows_its_texts_with_their_lengths(dataset: Dataset) -> None:
    review, stars, _ = (entry.to_document() for entry in dataset.descriptor.inputs)

    assert (review["name"], review["type"], review["shape"], review["missing"]) == ("review", "text", [], 1)
    assert review["tokens"] == {
        "mean": pytest.approx(8 / 3), "max": 3, "quantiles": {"0.05": 2, "0.25": 2, "0.5": 3, "0.75": 3, "0.95": 3},
    }  # fmt: skip
    assert stars["type"] == "number"
    assert read_rows(dataset, "train", 0, 1)[0]["instance"] == {"review": "a good film", "stars": 5, "title": "title 5"}


def test_texts_that_are_found_are_noted_with_their_use(tmp_path: Path) -> None:
    rows = [{"note": f"the parcel {number} is late", "size": number % 7, "y": number % 2} for number in range(40)]
    descriptor = make_table(tmp_path, rows, target="y", types={}).descriptor

    (note,) = descriptor.notes
    assert (note.type, note.column) == ("text", "note")
    assert '"text": {"column": "note", "max_tokens": 10000, "length": 100}' in note.detail


def test_empty_and_constant_texts_are_left_out(tmp_path: Path) -> None:
    rows = [row | {"title": "same", "review": None} for row in ROWS]
    descriptor = make_table(tmp_path, rows).descriptor
    assert {one.name: one.reason for one in descriptor.left_out or ()} == {"title": "constant", "review": "empty"}


def test_texts_are_not_among_the_numbers_of_a_table(dataset: Dataset) -> None:
    (input_,) = inputs_from_dataset(dataset.descriptor, "d").values()
    assert [column.name for column in input_.columns or ()] == ["stars"]


def test_the_vocabulary_is_that_of_the_training_rows(tmp_path: Path) -> None:
    rows = [row | {"part": "train" if number < 3 else "test"} for number, row in enumerate(ROWS)]
    preprocessing = fit(make_table(tmp_path, rows, split={"column": "part"}), OPTIONS)
    assert preprocessing.to_document()["text_0"]["vocabulary"] == ["film", "a", "good"]


def test_a_posted_row_has_the_columns_of_all_inputs(dataset: Dataset) -> None:
    preprocessing = fit(dataset, OPTIONS, TextOptions("title", 4, output_mode=OutputMode.MULTI_HOT))
    rows = [{"review": "A GOOD one", "stars": 2, "title": "title 5", "liked": "yes"}]

    inputs, warnings = read(preprocessing, rows)

    assert inputs == {"text_0": [[4, 2]], "text_1": [[0, 1, 1, 0]], "rest": [[2]]}
    assert warnings == [(0, "review", "truncated")]
    assert read(preprocessing, [["a good", "title 5", 2]])[0] == {
        "text_0": [[4, 2]], "text_1": [[0, 1, 1, 0]], "rest": [[2]],
    }  # fmt: skip


def test_warnings_tell_what_a_network_does_not_get_of_a_text(dataset: Dataset) -> None:
    rows = [{"review": review} for review in ("nothing known", None, "!", "a good film", "good")]
    _, warnings = fit(dataset, OPTIONS, rest=False).read_instances(rows)

    assert [(warning["row"], warning["type"], warning["detail"]) for warning in warnings] == [
        (0, "unknown_tokens", '"review" has 2 tokens, none of which is in the vocabulary.'),
        (1, "missing", '"review" is missing: an empty text is used.'),
        (2, "unknown_tokens", '"review" has no token.'),
        (3, "truncated", '"review" has 3 tokens: the first 2 are used.'),
    ]


def test_csv_and_arrays_have_the_texts_in_columns(dataset: Dataset) -> None:
    preprocessing = fit(dataset, OPTIONS)
    expected = {"text_0": [[4, 2], [0, 0]], "rest": [[2], [3.5]]}

    inputs, warnings = read(preprocessing, CsvText(b'stars,title,review\n2,x,"a good, one"\n,y,NA\n'))
    assert inputs == expected
    assert warnings == [(0, "review", "truncated"), (1, "review", "missing"), (1, "stars", "missing")]
    assert read(preprocessing, np.array([["a good", 2], [None, None]], object))[0] == expected


def test_values_that_are_not_texts_are_faults_of_their_rows(dataset: Dataset) -> None:
    with pytest.raises(InvalidInstances) as error:
        fit(dataset, OPTIONS).read_instances([{"review": 3, "stars": "x"}, {"reviews": "a"}, "a good film"])
    assert [(fault.row, fault.column, fault.pointer) for fault in faults_of(error)] == [
        (0, "review", pointer_to("instances", 0, "review")),
        (0, "stars", pointer_to("instances", 0, "stars")),
        (1, "reviews", pointer_to("instances", 1, "reviews")),
        (2, None, pointer_to("instances", 2)),
    ]


def test_the_memory_of_a_long_text_is_reserved(dataset: Dataset) -> None:
    reserved: list[int] = []
    rows = [{"review": "a " * 100_000}]
    fit(dataset, OPTIONS).read_instances(rows, Allowance(reserve=reserved.append))
    assert max(reserved) >= 4_000_000

    def refuse(size: int) -> None:
        if size >= 4_000_000:
            raise Excessive("There is no memory left.")

    with pytest.raises(Excessive):
        fit(dataset, OPTIONS).read_instances(rows, Allowance(reserve=refuse))


def test_the_memory_of_n_grams_is_reserved_before_they_are_made(dataset: Dataset) -> None:
    options = replace(OPTIONS, ngrams=10, split=TextSplit.CHARACTER)

    def refuse(size: int) -> None:
        if size >= 100_000_000:
            raise Excessive("There is no memory left.")

    preprocessing = fit(dataset, options)
    tracemalloc.start()
    try:
        with pytest.raises(Excessive):
            preprocessing.read_instances([{"review": "é" * 200_000}], Allowance(reserve=refuse))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_other_protocols_have_a_tensor_of_texts_for_the_column(dataset: Dataset) -> None:
    preprocessing = fit(dataset, OPTIONS)
    signature = Signature.of(preprocessing, (1,))

    assert {name: (spec.datatype, spec.shape) for name, spec in signature.inputs.items()} == {
        "review": ("BYTES", (-1, 1)), "stars": ("FP32", (-1, 1)),
    }  # fmt: skip
    read = signature.read({"review": np.array([["a good"], [None]], object), "stars": np.array([[2.0], [np.nan]])})
    assert {name: values.tolist() for name, values in read.items()} == {
        "text_0": [[4, 2], [0, 0]], "rest": [[2], [3.5]],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_files_have_rows_with_the_columns_of_all_inputs(dataset: Dataset, tmp_path: Path, name: str) -> None:
    preprocessing, path = fit(dataset, OPTIONS), tmp_path / name
    path.write_text("stars,review\n2,a good\n" if name.endswith("csv") else '{"stars": 2, "review": "a good"}\n')

    check_file(path, name, {"inputs": preprocessing.to_document()})
    (block,) = read_file(path, name, preprocessing, Limits(), tmp_path)
    assert {input_: values.tolist() for input_, values in block.inputs.items()} == {"text_0": [[4, 2]], "rest": [[2]]}


def test_texts_are_read_in_pages_that_fit_into_memory(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(dataset, OPTIONS)
    monkeypatch.setattr(module, "TEXTS_AT_ONCE", 3)
    paged = fit(dataset, OPTIONS)

    assert paged == whole
    split = dataset.split("train")
    assert paged.network_inputs(split)["text_0"].tolist() == [[4, 2], [4, 1], [0, 0], [2, 2]]
    assert [warning["row"] for warning in paged.find_warnings(split)] == [0, 1, 2]


def test_what_a_dataset_lacks_is_a_fault(dataset: Dataset, tmp_path: Path) -> None:
    spec = spec_for(dataset, OPTIONS)
    other = make_table(tmp_path / "other", types={"review": "category", "title": "text"}, split={"test": 0})
    with pytest.raises(InvalidData) as error:
        check_fit(spec, (1,), other.descriptor)
    detail = (
        'The dataset has a category column "review": to use it as text, set "types" to {"review": "text"} when you '
        "create the dataset."
    )
    assert [fault.detail for fault in faults_of(error)] == [detail]
    with pytest.raises(InvalidData) as error:
        check_inputs_fit({"inputs": fit(dataset, OPTIONS).to_document()}, other.descriptor, "train")
    assert [fault.detail for fault in faults_of(error)] == [detail]
    check_fit(spec, (1,), dataset.descriptor)


def test_warnings_of_a_training_name_unused_and_cut_texts(dataset: Dataset) -> None:
    found = dict(Kept().find_unfamiliar(spec_for(dataset, OPTIONS), dataset))
    assert found["unused_text"].startswith('This column of texts isn\'t used: "title". To use one, create a model')
    assert found["truncated"] == (
        '50.00% of the training rows (2) have more tokens in "review" than the `length` 2. The network gets the first '
        "ones."
    )
    assert "unknown_tokens" not in found


def test_a_kept_vocabulary_warns_of_the_tokens_that_it_lacks(dataset: Dataset, tmp_path: Path) -> None:
    spec, kept = spec_for(dataset, OPTIONS), Kept(fit(dataset, OPTIONS))
    newer = make_table(tmp_path / "newer", [row | {"review": "great film"} for row in ROWS[:3]] + ROWS[3:])

    assert kept.preprocess(spec, newer).inputs["text_0"].to_document() == fit(dataset, OPTIONS).to_document()["text_0"]
    found = dict(kept.find_unfamiliar(spec, newer))
    assert found["unknown_tokens"].startswith('37.50% of the tokens in "review" (3) aren\'t in the vocabulary')


def test_a_vocabulary_with_other_options_cannot_be_kept(dataset: Dataset) -> None:
    with pytest.raises(InvalidData) as error:
        check_kept(spec_for(dataset, TextOptions("review", 5, length=3)), fit(dataset, OPTIONS), dataset.descriptor)
    assert "has other options of `text` in the version than in the model" in faults_of(error)[0].detail
