"""The named tensors of versions: which there are, and what is made of them."""

from typing import Any

import numpy as np
import pytest

from models.allowance import CELL_BYTES, PARSED_BYTES, Allowance
from models.errors import InvalidInstances
from models.limits import Limits
from models.preprocessing import Preprocessing
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.signature import Datatype, Signature, TensorSpec
from models.spec import Scaling

COLUMNS = (
    FittedColumn("width", "number", fill=3.0),
    FittedColumn("colour", "category", categories=("green", "red")),
    FittedColumn("ripe", "boolean"),
    FittedColumn("day", "date"),
)
TABLE = Signature.of(Preprocessing({"input": TableInput((6,), Scaling.NONE, COLUMNS)}), (2,))


def numbers(*shape: int, mean: float = 0.0) -> TensorInput:
    return TensorInput(shape, Scaling.NONE, np.full((), mean), np.ones(()))


TWO = Signature.of(Preprocessing({"left": numbers(2, mean=1.0), "right": numbers(3, 2)}), (1,))


def objects(*values: Any) -> np.ndarray:
    return np.array([[value] for value in values], object)


def test_a_table_has_a_tensor_for_each_column() -> None:
    types = {spec.name: spec.datatype for spec in TABLE.inputs.values()}
    floats, texts = Datatype.FP32, Datatype.BYTES
    assert types == {"width": floats, "colour": texts, "ripe": floats, "day": texts}
    assert {spec.shape for spec in TABLE.inputs.values()} == {(-1, 1)}
    assert TABLE.output == TensorSpec("output", Datatype.FP32, (-1, 2))


def test_anything_else_has_a_tensor_for_each_input() -> None:
    assert {name: spec.shape for name, spec in TWO.inputs.items()} == {"left": (-1, 2), "right": (-1, 3, 2)}
    assert TWO.output.shape == (-1, 1)


def test_columns_become_what_rows_of_them_become() -> None:
    tensors = {
        "width": np.array([[1.5], [np.nan]], np.float32),
        "colour": objects("red", None),
        "ripe": np.array([[True], [False]]),
        "day": objects("1970-01-02", "1970-01-03"),
    }
    rows = [[1.5, "red", True, "1970-01-02"], [None, None, False, "1970-01-03"]]
    (table,) = TABLE.preprocessing.inputs.values()
    assert isinstance(table, TableInput)
    expected, _ = TABLE.preprocessing.read_instances(rows)
    np.testing.assert_array_equal(TABLE.read(tensors)["input"], expected["input"])


def test_only_the_columns_of_a_table_that_are_not_numbers_take_the_memory_of_cells() -> None:
    reserved: list[int] = []
    rows = objects("red", "green", None)
    tensors = {"width": np.ones((3, 1)), "colour": rows, "ripe": np.zeros((3, 1)), "day": objects(None, None, None)}
    TABLE.read(tensors, Allowance(Limits(body_values=1), reserve=reserved.append))
    assert [size for size in reserved if size] == [3 * PARSED_BYTES, *[3 * CELL_BYTES] * 3]


def test_a_number_of_a_table_that_is_too_large_is_named() -> None:
    tensors = {"width": np.array([[1.0], [np.inf]]), "ripe": np.zeros((2, 1))}
    tensors |= {"colour": objects(None, None), "day": objects(None, None)}
    with pytest.raises(InvalidInstances, match='Row 1: "width" must be a number'):
        TABLE.read(tensors)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f8"])
def test_numbers_of_any_type_are_cast_and_scaled(dtype: str) -> None:
    found = TWO.read({"left": np.ones((4, 2), dtype), "right": np.zeros((4, 3, 2), dtype)})
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    assert not found["left"].any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"left": None}, 'The input "left" is missing.'),
        ({"middle": np.ones(4)}, 'There is no input "middle".'),
        ({"left": np.ones((4, 3))}, 'The input "left" has the shape [4, 3], but [-1, 2] is expected.'),
        ({"left": np.ones(8)}, "has the shape [8]"),
        ({"left": np.ones((5, 2))}, "The inputs have different numbers of rows."),
        ({"left": np.full((4, 2), 1e39)}, "Row 0: numbers must be finite"),
    ],
)
def test_tensors_that_do_not_fit_are_named(change: dict[str, Any], says: str) -> None:
    tensors = {"left": np.ones((4, 2)), "right": np.ones((4, 3, 2)), **change}
    with pytest.raises(InvalidInstances) as caught:
        TWO.read({name: values for name, values in tensors.items() if values is not None})
    assert says in caught.value.detail


def test_what_is_not_finite_goes_into_a_network_of_tensors() -> None:
    found = TWO.read({"left": np.array([[np.nan, np.inf]]), "right": np.full((1, 3, 2), -np.inf)})
    np.testing.assert_array_equal(found["left"], [[np.nan, np.inf]])
    assert (found["right"] == -np.inf).all()


def test_there_may_be_no_rows() -> None:
    assert TWO.read({"left": np.ones((0, 2)), "right": np.ones((0, 3, 2))})["left"].shape == (0, 2)
    nothing: dict[str, np.ndarray] = dict.fromkeys(TABLE.inputs, np.empty((0, 1), object))
    assert TABLE.read(nothing)["input"].shape == (0, 6)
