"""Rows of small integers, which the graph scales, train as the scaled rows do."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.preprocessing.rows import StoredRows, TensorRows
from models.preprocessing.tensor_input import TensorInput
from models.spec import InputSpec, Scaling
from models.training.evaluation import NetworkEvaluation
from models.training.loop import train
from models.training.plan import Arrays, StreamedArrays
from models.training.scaling import make_scaling
from tests.models.training_networks import Recorder, convolution, labelled_rows, plan

ALL_BYTES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "compiled"])
@pytest.mark.parametrize(
    ("scaling", "values"),
    [
        (Scaling.NONE, ALL_BYTES[:, None]),
        (Scaling.UNIT, ALL_BYTES[:, None]),
        (Scaling.STANDARD, ALL_BYTES[:, None] // np.array([1, 3, 7], np.uint8)),
        (Scaling.STANDARD, np.arange(-128, 128, dtype=np.int8)[:, None]),
        (Scaling.STANDARD, np.arange(2**16, dtype=np.uint16)[:, None]),
    ],
    ids=["none", "unit", "standard", "int8", "uint16"],
)
def test_a_graph_scales_to_the_numbers_of_the_preprocessing(
    scaling: Scaling, values: np.ndarray, compiled: bool
) -> None:
    input_ = TensorInput.fit(InputSpec(values.shape[1:], scaling), values, "vector")
    rows = TensorRows.of(values, input_)
    assert isinstance(rows, StoredRows)
    scale = tf.function(make_scaling(rows), jit_compile=compiled, autograph=False)
    assert np.array_equal(scale(tf.constant(values)).numpy(), input_.transform(values))


@pytest.mark.parametrize("values", [np.zeros((2, 1), np.int32), np.zeros((2, 1), np.float32)], ids=["int32", "float32"])
def test_other_rows_are_scaled_before_the_graph(values: np.ndarray) -> None:
    rows = TensorRows.of(values, TensorInput.fit(InputSpec((1,), Scaling.UNIT), values, "vector"))
    assert not isinstance(rows, StoredRows)


@pytest.mark.parametrize("held", ["memory", "disk"])
def test_images_train_and_evaluate_as_scaled_rows_bit_for_bit(held: str, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (44, 6, 6, 2), dtype=np.uint8)
    targets = labelled_rows(44).targets
    input_ = TensorInput.fit(InputSpec((6, 6, 2), Scaling.STANDARD), pictures, "image")
    scaled = Arrays({"input": input_.transform(pictures)}, targets)
    np.save(tmp_path / "pictures.npy", pictures)
    stored = TensorRows.of(np.load(tmp_path / "pictures.npy", mmap_mode="r"), input_)
    arrays = StreamedArrays({"input": stored}, targets) if held == "disk" else Arrays({"input": stored.load()}, targets)
    networks, recorders = (convolution(), convolution()), (Recorder(), Recorder())
    train(networks[0], scaled, scaled, plan(shuffle=True), recorders[0])
    train(networks[1], arrays, arrays, plan(shuffle=True), recorders[1])
    for name in ("loss", "val_loss"):
        assert recorders[1].history(name) == recorders[0].history(name)
    np.testing.assert_equal(networks[1].get_weights(), networks[0].get_weights())
    assert NetworkEvaluation(networks[1]).evaluate(arrays, 8) == NetworkEvaluation(networks[0]).evaluate(scaled, 8)
