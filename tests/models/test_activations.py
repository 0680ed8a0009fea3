"""The curves of activation functions against Keras's values and TensorFlow's gradients."""

import numpy as np
import pytest

from models.activations import ACTIVATIONS
from models.catalogue import load_catalogue

KINKS = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0])
INPUTS = np.concatenate([np.linspace(-8.01, 8.02, 60), KINKS - 0.01, KINKS + 0.01])
"""Beside the kinks: there a derivative is that of one of the sides."""


def test_every_activation_of_the_catalogue_has_a_curve() -> None:
    assert ACTIVATIONS.keys() == {entry.type for entry in load_catalogue().entries("activation")}


def test_values_and_slopes_are_those_of_keras_and_tensorflow() -> None:
    import keras
    import tensorflow as tf

    for name, activation in ACTIVATIONS.items():
        x = tf.constant(INPUTS)
        with tf.GradientTape() as tape:
            tape.watch(x)
            others = tf.zeros((len(INPUTS), 2), x.dtype)
            row = tf.concat([x[:, None], others], axis=1) if activation.held else x[:, None]
            y = keras.activations.get(name)(row)[:, 0]
        slopes = tape.gradient(y, x)
        expected = np.zeros_like(INPUTS) if slopes is None else slopes.numpy()
        np.testing.assert_allclose(activation.value(INPUTS), y.numpy(), rtol=1e-6, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(activation.derivative(INPUTS), expected, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.filterwarnings("error")
def test_large_inputs_overflow_nothing_but_the_exponential() -> None:
    for name, activation in ACTIVATIONS.items():
        if name != "exponential":
            assert np.isfinite(activation.value(np.array([-1000.0, 1000.0]))).all(), name
            assert np.isfinite(activation.derivative(np.array([-1000.0, 1000.0]))).all(), name
