"""Evaluating: the figures of `Model.evaluate`, for any batch size."""

import numpy as np
import pytest

from models.training.evaluation import NetworkEvaluation
from tests.models.training_networks import classifier, convolution, labelled_rows


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_the_figures_are_those_of_keras(batch_size: int) -> None:
    network, arrays = classifier(regularizer="l2"), labelled_rows(50)
    expected = network.evaluate(arrays.inputs["input"], arrays.targets, verbose=0, return_dict=True)
    measured = NetworkEvaluation(network).evaluate(arrays, batch_size)
    assert measured == pytest.approx(expected, abs=1e-6)


def test_evaluating_changes_no_weight_and_starts_from_nothing() -> None:
    network, arrays = convolution(), labelled_rows(20, (6, 6, 2))
    before, evaluation = network.get_weights(), NetworkEvaluation(network)
    assert evaluation.evaluate(arrays, 8) == evaluation.evaluate(arrays, 8)
    np.testing.assert_equal(network.get_weights(), before)


def test_whoever_waits_hears_after_each_batch_that_it_goes_on() -> None:
    network, arrays = classifier(), labelled_rows(50)
    heard: list[int] = []
    NetworkEvaluation(network).evaluate(arrays, 8, lambda: heard.append(1))
    assert len(heard) == 7
