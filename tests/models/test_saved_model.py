"""Networks as TensorFlow SavedModels in a ZIP."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.saved_model import write_saved_model
from tests.models.training_networks import convolution, labelled_rows


def load(path: Path, folder: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return tf.saved_model.load(str(folder))


def test_it_predicts_as_keras_does_by_both_ways_in(tmp_path: Path) -> None:
    network, rows = convolution(), labelled_rows(5, (6, 6, 2)).inputs["input"]
    write_saved_model(network, tmp_path / "saved.zip")
    loaded = load(tmp_path / "saved.zip", tmp_path / "saved")
    expected = np.asarray(network(rows, training=False))
    np.testing.assert_allclose(loaded.serve(rows)["output"], expected, atol=1e-6)  # type: ignore[attr-defined]
    signature = loaded.signatures["serving_default"]  # type: ignore[attr-defined]
    np.testing.assert_allclose(signature(input=tf.constant(rows[:2]))["output"], expected[:2], atol=1e-6)


def test_several_inputs_keep_their_names(tmp_path: Path) -> None:
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    network = keras.Model({"left": left, "right": right}, keras.layers.Dense(1)(joined))
    write_saved_model(network, tmp_path / "saved.zip")
    loaded = load(tmp_path / "saved.zip", tmp_path / "saved")
    rows = {"left": tf.ones((4, 2)), "right": tf.zeros((4, 3))}
    answer = loaded.signatures["serving_default"](**rows)["output"]  # type: ignore[attr-defined]
    np.testing.assert_allclose(answer, network(rows), atol=1e-6)


@pytest.mark.parametrize("names", [("A", "a"), ("a.b", "a_b"), ("self", "x")])
def test_inputs_whose_names_tensorflow_confuses_are_numbered(names: tuple[str, str], tmp_path: Path) -> None:
    inputs = [keras.Input((2,), name=name) for name in names]
    network = keras.Model(inputs, keras.layers.Subtract()(inputs))
    write_saved_model(network, tmp_path / "saved.zip")
    loaded = load(tmp_path / "saved.zip", tmp_path / "saved")
    rows = {"input_0": tf.fill((3, 2), 5.0), "input_1": tf.ones((3, 2))}
    answer = loaded.signatures["serving_default"](**rows)["output"]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(answer, np.full((3, 2), 4.0))


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write_saved_model(convolution(), tmp_path / "saved.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["saved.zip"]
