"""Versions of a dataset are compared column by column."""

from dataclasses import replace
from typing import Any

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor, LeftOut, TargetDescriptor
from models.datasets import find_drift

PRICE = TargetDescriptor("price", "number", mean=10.0, std=4.0, min=0.0, max=20.0)
TOWN = InputDescriptor("town", "category", categories=["A", "B"], counts=[60, 40])
SIZE = InputDescriptor("size", "number", missing=5, mean=50.0, std=10.0, min=0.0, max=100.0)


def describe(
    *inputs: InputDescriptor, target: TargetDescriptor = PRICE, left_out: tuple[LeftOut, ...] = (), rows: int = 100
) -> DatasetDescriptor:
    return DatasetDescriptor("table", rows, {"train": rows}, inputs, target, left_out=left_out)


def drift(before: DatasetDescriptor, after: DatasetDescriptor) -> dict[tuple[str, str], dict[str, Any]]:
    return {(change["column"], change["type"]): change for change in find_drift(before, after)}


def test_equal_data_has_not_drifted() -> None:
    assert find_drift(describe(TOWN, SIZE), describe(TOWN, SIZE)) == []


def test_small_moves_are_not_reported_and_large_ones_are() -> None:
    near = replace(SIZE, mean=50.9, min=-9, max=109)
    assert find_drift(describe(SIZE), describe(near)) == []
    moved = drift(describe(SIZE), describe(replace(SIZE, mean=51.0, max=110, missing=6)))
    assert {type_ for _, type_ in moved} == {"mean", "range", "missing"}
    assert moved["size", "mean"]["detail"] == 'The mean of "size" was 50 and is 51.'
    assert moved["size", "range"]["before"] == [0, 100]
    assert moved["size", "missing"]["detail"] == 'The share of missing values in "size" was 5 % and is 6 %.'


def test_the_first_missing_value_is_reported() -> None:
    few = drift(describe(TOWN, rows=10_000), describe(replace(TOWN, missing=1), rows=10_000))
    assert few["town", "missing"]["after"] == 0.0001


def test_columns_come_go_and_change_their_types() -> None:
    gone = LeftOut("size", "number", "constant", "It has the same value in every row.")
    rooms = replace(SIZE, name="rooms")
    found = drift(describe(SIZE, TOWN), describe(replace(TOWN, type="boolean"), rooms, left_out=(gone,)))
    assert found["size", "left_out"]["detail"].endswith("It has the same value in every row.")
    assert found["rooms", "added"]["after"] == "number"
    assert (found["town", "type_changed"]["before"], found["town", "type_changed"]["after"]) == ("category", "boolean")
    back = drift(describe(TOWN, left_out=(gone,)), describe(SIZE))
    assert set(back) == {("size", "used"), ("town", "removed")}


def test_many_categories_are_counted_and_a_few_named() -> None:
    names = [f"C{number}" for number in range(300)]
    none, many = replace(TOWN, categories=[], counts=[]), replace(TOWN, categories=names, counts=[1] * 300)
    (change,) = find_drift(describe(none), describe(many))
    assert len(change["counts"]) == 100
    assert change["detail"].startswith('300 categories of "town" are new: "C0" (1 row), ')
    assert change["detail"].endswith(" and 295 more.")


def test_classes_and_their_shares_are_compared() -> None:
    before = TargetDescriptor("y", "category", classes=[False, True], counts=[90, 10])
    (change,) = find_drift(describe(target=before), describe(target=replace(before, counts=[80, 20])))
    assert change["type"] == "class_shares"
    assert change["before"] == {"false": 0.9, "true": 0.1}
    assert '"true" from 10 % to 20 %' in change["detail"]
    new = drift(describe(target=before), describe(target=replace(before, classes=[False, 2])))
    assert new["y", "new_classes"]["counts"] == {"2": 10}
    assert new["y", "vanished_classes"]["counts"] == {"true": 10}
