"""Layers that learn from the training rows before the first step."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from models.adaptation import needs_rows
from models.building import build_network
from models.errors import InvalidData, InvalidSpec
from models.jobs.assignment import Runtime
from models.jobs.training import TrainingAssignment, TrainingRequest
from models.limits import Limits
from models.pretrained import NETWORK
from models.spec import NetworkSpec
from models.tasks import training
from models.training.adaptation import adapt
from models.training.vocabulary import check_vocabulary
from models.validation import check_network
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

DENSE = {"type": "Dense", "units": 3, "activation": "softmax"}
ROWS = np.random.default_rng(0).normal([3, -2], [0.5, 10], (5000, 2)).astype(np.float32)


def learnt(layer: dict[str, Any], rows: np.ndarray = ROWS) -> NetworkSpec:
    spec = make_spec(layers=[layer, DENSE], shape=list(rows.shape[1:]))
    assert needs_rows(spec)
    spec = adapt(spec, {"input": rows})
    assert not needs_rows(spec)
    return spec


def test_normalization_takes_mean_and_variance_of_the_training_rows() -> None:
    network = build_network(learnt({"type": "Normalization"}), Limits(), seed=1)
    outputs = np.asarray(network.layers[1](ROWS))
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-4)


def test_learned_values_are_part_of_the_spec_and_its_document() -> None:
    spec = learnt({"type": "Normalization", "mean": None})
    assert spec.layers[0].parameters["mean"] == pytest.approx([3, -2], abs=0.5)
    assert NetworkSpec.from_document(spec.to_document()) == spec


def test_discretization_makes_bins_of_as_many_rows_each() -> None:
    network = build_network(learnt({"type": "Discretization", "num_bins": 4}, ROWS[:, :1]), Limits(), seed=1)
    numbers = np.asarray(network.layers[1](ROWS[:, :1]))
    assert np.bincount(numbers.ravel()).tolist() == [1250] * 4


def test_few_rows_make_as_many_bins_as_were_asked_for() -> None:
    spec = learnt({"type": "Discretization", "num_bins": 8, "output_mode": "one_hot"}, ROWS[:3, :1])
    assert len(spec.layers[0].parameters["bin_boundaries"]) == 7


def test_the_network_has_the_same_shapes_before_it_has_seen_rows() -> None:
    layer = {"type": "Discretization", "num_bins": 5, "output_mode": "one_hot"}
    before = build_network(make_spec(layers=[layer, DENSE], shape=[1]), Limits())
    after = build_network(learnt(layer, ROWS[:, :1]), Limits())
    assert [weight.shape for weight in before.weights] == [weight.shape for weight in after.weights]


@pytest.mark.parametrize(
    ("layers", "pointer"),
    [
        ([{"type": "Dense", "units": 2}, {"type": "Normalization"}, DENSE], "#/layers/1"),
        ([{"type": "Dense", "units": 2}, {"type": "Discretization", "num_bins": 3}, DENSE], "#/layers/1"),
        ([{"type": "TimeDistributed", "layer": {"type": "Normalization"}}, DENSE], "#/layers/0/layer"),
    ],
)
def test_a_layer_that_could_not_learn_is_refused(layers: list[dict[str, Any]], pointer: str) -> None:
    document = {
        "task": "multiclass",
        "input": {"shape": [4, 2]},
        "layers": layers,
        "optimizer": "adam",
        "loss": "categorical_crossentropy",
    }
    with pytest.raises(InvalidSpec) as caught:
        check_network(document, Limits())
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


@pytest.mark.parametrize("number", [-1, 10, 1.5])
def test_numbers_that_an_embedding_does_not_know_are_refused_before_training(number: int) -> None:
    spec = make_spec(layers=[{"type": "Embedding", "input_dim": 10, "output_dim": 2}, DENSE], shape=[3])
    check_vocabulary(spec, {"input": np.array([[0, 9, 3]], np.float32)})
    with pytest.raises(InvalidData, match=r"accepts integers from 0 to 9\. Increase its `input_dim`"):
        check_vocabulary(spec, {"input": np.array([[0, 1, number]], np.float32)})


EMBEDDING = {"type": "Embedding", "input_dim": 10, "output_dim": 2}
WITHIN = [
    {"type": "TimeDistributed", "layer": EMBEDDING},
    {"type": "TimeDistributed", "layer": {"type": "TimeDistributed", "layer": EMBEDDING}},
    {
        "type": "Pretrained",
        NETWORK: {"input": {"name": "tokens", "shape": [3]}, "layers": [{**EMBEDDING, "inputs": ["tokens"]}]},
    },
]


@pytest.mark.parametrize("layer", WITHIN)
def test_an_embedding_within_another_layer_is_found(layer: dict[str, Any]) -> None:
    spec = make_spec(layers=[layer, DENSE], shape=[3])
    check_vocabulary(spec, {"input": np.array([[0, 9, 3]], np.float32)})
    with pytest.raises(InvalidData, match=r"accepts integers from 0 to 9"):
        check_vocabulary(spec, {"input": np.array([[0, 10, 3]], np.float32)})


def test_rows_that_only_test_are_refused_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "configure_threads", lambda threads: None)  # possible only before TensorFlow is used
    rows = [[number] for number in range(8)]
    dataset = make_dataset(tmp_path, "inline", inputs=rows, targets=["a", "b"] * 4, split={"test": 0.5, "seed": 1})
    greatest = int(np.max(dataset.split("train").tensors["input"]))  # type: ignore[index]
    assert greatest < int(np.max(dataset.split("test").tensors["input"])) == 7  # type: ignore[index]
    document = {
        "task": "multiclass",
        "input": {"shape": [1]},
        "layers": [{**EMBEDDING, "input_dim": 7}, {"type": "Flatten"}, {**DENSE, "units": 2}],
        "optimizer": "sgd",
        "loss": "categorical_crossentropy",
    }
    assignment = TrainingAssignment(
        spec=NetworkSpec.from_document(document),
        dataset=tmp_path / "inline",
        request=TrainingRequest("m", "inline", epochs=1, seed=1),
        limits=Limits(),
        runtime=Runtime(),
    )
    with pytest.raises(InvalidData, match='has the number 7, but the layer "embedding" accepts integers from 0 to 6'):
        training.run(assignment, tmp_path, Mock(spec=["phase", "checkpoint_unreadable"]))
