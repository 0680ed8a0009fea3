"""Training in bfloat16: which layers compute in it, and what stays float32."""

from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network
from models.limits import Limits
from models.spec import NetworkSpec
from models.training.loop import train
from models.training.mixed_precision import computing_in_bfloat16
from models.training.plan import Arrays
from models.training.precision import find_bfloat16_layers
from tests.models.training_networks import Recorder, classifier, convolution, labelled_rows, plan

HEAD = {"type": "Dense", "units": 3, "activation": "softmax"}


def spec(*layers: dict[str, Any], shape: list[int]) -> NetworkSpec:
    document = {"task": "multiclass", "input": {"shape": shape}, "optimizer": "adam"}
    return NetworkSpec.from_document({**document, "layers": list(layers), "loss": "sparse_categorical_crossentropy"})


def all_but_last(network: keras.Model) -> tuple[str, ...]:
    return tuple(layer.name for layer in network.layers[:-1])


def test_products_and_what_follows_them_compute_in_bfloat16_but_not_the_output() -> None:
    network = spec(
        {"type": "Rescaling", "scale": 0.1},
        {"type": "Conv2D", "filters": 2, "kernel_size": 3},
        {"type": "BatchNormalization"},
        {"type": "Flatten"},
        {"type": "Dense", "units": 4},
        HEAD,
        shape=[6, 6, 2],
    )
    assert find_bfloat16_layers(network) == ("conv2d", "batch_normalization", "flatten", "dense")


def test_what_comes_before_a_product_may_be_indices_and_stays_float32() -> None:
    embedding = {"type": "Embedding", "input_dim": 5000, "output_dim": 2}
    network = spec({"type": "Reshape", "target_shape": [4]}, embedding, {"type": "Flatten"}, HEAD, shape=[2, 2])
    assert find_bfloat16_layers(network) == ()


def test_a_merge_computes_in_bfloat16_if_all_of_its_inputs_do() -> None:
    dense = {"type": "Dense", "units": 4}
    both = {"type": "Add", "inputs": ["dense", "dense_1"]}
    one = {"type": "Multiply", "inputs": ["add", "input"]}
    network = spec(dense, dense, both, one, HEAD, shape=[4])
    assert find_bfloat16_layers(network) == ("dense", "dense_1", "add")


def test_layers_within_a_pretrained_one_are_named_by_their_paths() -> None:
    inner = {
        "input": {"name": "input", "shape": [4]},
        "layers": [{"type": "Dense", "units": 4}, {"type": "ReLU"}],
    }
    network = spec({"type": "Pretrained", "network": inner}, {"type": "Dropout", "rate": 0.1}, HEAD, shape=[4])
    assert find_bfloat16_layers(network) == ("pretrained/dense", "pretrained/re_lu", "dropout")


def test_a_layer_whose_outputs_are_part_of_the_loss_stays_float32() -> None:
    regularized = {"type": "Dense", "units": 4, "activity_regularizer": "l2"}
    network_spec = spec(regularized, {"type": "ReLU"}, {"type": "Dense", "units": 4}, HEAD, shape=[4])
    assert find_bfloat16_layers(network_spec) == ("dense_1",)
    network, rows = build_network(network_spec, Limits(), seed=1), labelled_rows(24)
    rows = Arrays(rows.inputs, rows.targets.argmax(axis=1, keepdims=True).astype(np.float32))
    recorder = Recorder()
    train(network, rows, None, plan(1, bfloat16_layers=find_bfloat16_layers(network_spec)), recorder)
    assert np.isfinite(recorder.history("loss")).all()


@pytest.mark.parametrize("execution", ["graph", "compiled"])
def test_layers_compute_in_bfloat16_while_they_train_and_weights_stay_float32(execution: str) -> None:
    rows, recorders = labelled_rows(200), [Recorder(), Recorder()]
    network, exact = classifier(), classifier()
    train(exact, rows, rows, plan(4, execution=execution), recorders[0])
    train(network, rows, rows, plan(4, execution=execution, bfloat16_layers=all_but_last(network)), recorders[1])
    losses, rounded = (recorder.history("val_loss") for recorder in recorders)
    assert rounded != losses
    np.testing.assert_allclose(rounded, losses, rtol=0.05)
    assert {weight.dtype for weight in network.variables} <= {"float32", "int64", "uint32", "int32"}
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}


def test_normalization_in_bfloat16_learns_as_in_float32() -> None:
    rows, recorders = labelled_rows(120, (6, 6, 2)), [Recorder(), Recorder()]
    network = convolution()
    train(convolution(), rows, None, plan(4, fused=True), recorders[0])
    train(network, rows, None, plan(4, fused=True, bfloat16_layers=all_but_last(network)), recorders[1])
    losses, rounded = (recorder.history("loss") for recorder in recorders)
    assert rounded != losses
    np.testing.assert_allclose(rounded[0], losses[0], rtol=0.1)
    assert rounded[-1] < rounded[0]


def test_indices_beyond_256_reach_an_embedding_unrounded() -> None:
    embedding = {"type": "Embedding", "input_dim": 1002, "output_dim": 3}
    layers: list[dict[str, Any]] = [embedding, {"type": "Flatten"}, {"type": "Dense", "units": 8}, HEAD]
    network_spec = spec(*layers, shape=[1])
    network = build_network(network_spec, Limits(), seed=1)
    before = network.layers[1].get_weights()[0]
    rows = Arrays({"input": np.full((8, 1), 1001, np.float32)}, np.zeros((8, 1), np.float32))
    train(network, rows, None, plan(1, bfloat16_layers=find_bfloat16_layers(network_spec)), Recorder())
    changed = np.flatnonzero((network.layers[1].get_weights()[0] != before).any(axis=1))
    assert changed.tolist() == [1001]


def test_only_the_named_layers_change_within_the_context() -> None:
    network = classifier()
    with computing_in_bfloat16(network, (network.layers[0].name,)):
        assert [layer.compute_dtype for layer in network.layers] == ["bfloat16", "float32", "float32"]
    assert [layer.compute_dtype for layer in network.layers] == ["float32"] * 3
    assert network.layers[0].dtype_policy == keras.DTypePolicy("float32")
