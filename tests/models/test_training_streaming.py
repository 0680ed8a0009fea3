"""Training on rows that are read from disk: the same weights as from memory."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from models.training.evaluation import NetworkEvaluation
from models.training.loop import train
from models.training.plan import Arrays, StreamedArrays
from tests.models.training_networks import Recorder, classifier, convolution, labelled_rows, plan


def on_disk(arrays: Arrays, folder: Path) -> StreamedArrays:
    def map_file(name: str, values: np.ndarray) -> np.ndarray:
        np.save(folder / f"{name}.npy", values)
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    inputs = {name: map_file(name, values) for name, values in arrays.processed().items()}
    return StreamedArrays(inputs, map_file("targets", arrays.targets))


@pytest.mark.parametrize("execution", ["graph", "compiled"])
@pytest.mark.parametrize(
    ("make_network", "shape"), [(classifier, (4,)), (convolution, (6, 6, 2))], ids=["dense", "convolution"]
)
def test_rows_from_the_disk_give_the_weights_of_rows_in_memory(
    make_network: Callable[[], keras.Model], shape: tuple[int, ...], execution: str, tmp_path: Path
) -> None:
    training, validation = labelled_rows(44, shape), labelled_rows(19, shape, seed=1)
    (tmp_path / "training").mkdir()
    (tmp_path / "validation").mkdir()
    streamed = on_disk(training, tmp_path / "training"), on_disk(validation, tmp_path / "validation")
    expected, network, recorders = make_network(), make_network(), (Recorder(), Recorder())
    train(expected, training, validation, plan(shuffle=True, execution=execution), recorders[0])
    network = make_network()
    train(network, *streamed, plan(shuffle=True, execution=execution), recorders[1])
    close = {"rtol": 0, "atol": 0} if execution == "graph" else {"rtol": 1e-4, "atol": 1e-5}
    for name in ("loss", "accuracy", "val_loss"):
        np.testing.assert_allclose(recorders[1].history(name), recorders[0].history(name), **close)
    for ours, theirs in zip(network.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, **close)
    evaluation = NetworkEvaluation(network)
    assert evaluation.evaluate(streamed[1], 8) == pytest.approx(evaluation.evaluate(validation, 8))
