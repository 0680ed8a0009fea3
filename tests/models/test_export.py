"""A network in Keras, its ONNX file, and the outputs of ONNX Runtime."""

import threading
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from models.building import build_network
from models.catalogue import load_catalogue
from models.errors import DamagedNetwork, InvalidInstances, NotServable
from models.export import export_onnx, registry
from models.export.activations import ACTIVATIONS
from models.limits import Limits
from models.parity import compare_with_keras, random_rows
from models.runtime import OnnxNetwork
from models.spec import NetworkSpec
from models.weights import weight_values

LAYERS: list[dict[str, Any]] = [
    {"type": "Flatten"},
    {"type": "Dropout", "rate": 0.5},
    {"type": "Dense", "units": 4, "activation": "gelu"},
]


def make_spec(input_name: str = "input", shape: tuple[int, ...] = (2, 3), layers: Any = LAYERS) -> NetworkSpec:
    document = {
        "task": "multiclass",
        "inputs": {input_name: {"shape": shape}},
        "layers": layers,
        "optimizer": "adam",
        "loss": "categorical_crossentropy",
    }
    return NetworkSpec.from_document(document)


def make_network(seed: int = 1, spec: NetworkSpec | None = None) -> keras.Model:
    return build_network(spec or make_spec(), Limits(), seed)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return make_network()


@pytest.fixture(scope="module")
def exported(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("version") / "network.onnx"
    export_onnx(make_spec(), weight_values(network), path)
    return path


def test_the_file_has_the_names_and_any_number_of_rows(network: keras.Model, exported: Path) -> None:
    served = OnnxNetwork(exported)
    assert served.input_shapes == {"input": (2, 3)}
    for rows in (0, 1, 7, 1000):
        output = served.run(random_rows(network, rows))
        assert output.shape == (rows, 4)
        assert output.dtype == np.float32
    assert [path.name for path in exported.parent.iterdir()] == ["network.onnx"]


def test_it_serves_as_in_keras(network: keras.Model, exported: Path) -> None:
    compare_with_keras(network, exported, random_rows(network, 300))


def test_an_input_keeps_the_name_that_the_client_chose(tmp_path: Path) -> None:
    spec = make_spec(input_name="left")
    export_onnx(spec, weight_values(make_network(spec=spec)), tmp_path / "network.onnx")
    assert OnnxNetwork(tmp_path / "network.onnx").input_shapes == {"left": (2, 3)}


def test_a_file_of_other_weights_is_told_apart(exported: Path) -> None:
    other = make_network(seed=2)
    with pytest.raises(NotServable, match="differs from Keras"):
        compare_with_keras(other, exported, random_rows(other, 3))


def test_exporting_says_nothing(
    network: keras.Model, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        export_onnx(make_spec(), weight_values(network), tmp_path / "network.onnx")
    assert caught == []
    assert capfd.readouterr().out == ""
    assert caplog.records == []


def test_every_layer_and_every_activation_of_the_catalogue_can_be_exported() -> None:
    assert registry.exported_types() >= load_catalogue().layers.keys()
    assert load_catalogue().activations.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("layers", [LAYERS, [{"type": "IntegerLookup", "vocabulary": [1, 2]}, {"type": "Flatten"}]])
def test_the_file_is_valid_onnx(layers: list[dict[str, Any]], tmp_path: Path) -> None:
    spec = make_spec(layers=layers)
    export_onnx(spec, weight_values(make_network(spec=spec)), tmp_path / "network.onnx")
    onnx.checker.check_model(tmp_path / "network.onnx", full_check=True)


def test_a_layer_without_a_builder_is_not_servable_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry._builders, "Dropout")
    with pytest.raises(NotServable, match="Dropout is unsupported"):
        export_onnx(make_spec(), weight_values(make_network()), tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_weight_is_not_servable_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotServable, match="has no weight `dense/kernel`"):
        export_onnx(make_spec(), {}, tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["dense", "rows", "v_Reshape_0", "const_1d_0"])
def test_an_input_may_have_a_name_of_the_graph(name: str, tmp_path: Path) -> None:
    spec = make_spec(input_name=name)
    network = make_network(spec=spec)
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 3))


@pytest.mark.parametrize("content", [b"", b"not a network", None])
def test_a_broken_or_missing_file_is_damaged(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedNetwork, match=r"network\.onnx can't be loaded") as caught:
        OnnxNetwork(path)
    assert str(tmp_path) not in caught.value.detail


@pytest.mark.parametrize(
    "inputs",
    [
        {"other": np.zeros((1, 2, 3))},
        {},
        {"input": np.zeros((1, 3, 2))},
        {"input": np.zeros((1, 2, 3)), "other": np.zeros((1, 2, 3))},
    ],
)
def test_rows_that_do_not_fit_are_refused(inputs: dict[str, np.ndarray], exported: Path) -> None:
    with pytest.raises(InvalidInstances):
        OnnxNetwork(exported).run(inputs)


def test_threads_may_run_it_at_once(network: keras.Model, exported: Path) -> None:
    served, rows = OnnxNetwork(exported), random_rows(network, 50)
    expected = served.run(rows)
    outputs: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: outputs.append(served.run(rows))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 8
    assert all(np.array_equal(output, expected) for output in outputs)


def test_numbers_that_an_embedding_does_not_know_are_refused(tmp_path: Path) -> None:
    spec = make_spec(shape=(3,), layers=[{"type": "Embedding", "input_dim": 5, "output_dim": 2}, {"type": "Flatten"}])
    export_onnx(spec, weight_values(make_network(spec=spec)), tmp_path / "network.onnx")
    served = OnnxNetwork(tmp_path / "network.onnx")
    assert served.run({"input": np.array([[0, 4, 2]])}).shape == (1, 6)
    with pytest.raises(InvalidInstances, match="input_dim"):
        served.run({"input": np.array([[0, 5, 2]])})


def test_a_network_that_onnx_runtime_can_not_compute_is_not_servable(tmp_path: Path) -> None:
    """The number of the Gather that fails isn't a client's: the network has no Embedding."""
    path = tmp_path / "network.onnx"
    spec = make_spec(shape=(3,), layers=[{"type": "Rescaling", "scale": 1.0}])
    export_onnx(spec, weight_values(make_network(spec=spec)), path)
    model = onnx.load(path)
    place = onnx.numpy_helper.from_array(np.array([0, 1, 3]), "places")
    model.graph.initializer.append(place)
    inputs = [model.graph.node[-1].input[0], "places"]
    model.graph.node.insert(len(model.graph.node) - 1, onnx.helper.make_node("Gather", inputs, ["taken"], axis=1))
    model.graph.node[-1].input[0] = "taken"
    onnx.save(model, path)
    network = make_network(spec=spec)
    with pytest.raises(NotServable, match="indices element out of data bounds, idx=3"):
        compare_with_keras(network, path, random_rows(network, 3))
    with pytest.raises(Exception, match="Gather") as raised:
        OnnxNetwork(path).run(random_rows(network, 3))
    assert not isinstance(raised.value, InvalidInstances)


def test_a_file_that_onnx_runtime_can_not_load_is_not_servable(network: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "network.onnx").write_bytes(b"damaged")
    with pytest.raises(NotServable, match="can't be loaded"):
        compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 3))


def test_the_number_of_compared_rows_may_equal_a_width(tmp_path: Path) -> None:
    spec = NetworkSpec.from_document(
        {
            "task": "regression",
            "inputs": {"wide": {"shape": [4]}, "narrow": {"shape": [1]}},
            "layers": [{"type": "Add", "inputs": ["wide", "narrow"]}],
            "optimizer": "sgd",
            "loss": "mse",
        }
    )
    network = build_network(spec, Limits())
    export_onnx(spec, {}, tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 4))


def test_padding_between_convolutions_survives_onnx_runtime_s_optimizer(tmp_path: Path) -> None:
    layers = [
        {"type": "Conv2D", "filters": 3, "kernel_size": 2},
        {"type": "ZeroPadding2D", "padding": [[0, 1], [2, 0]]},
        {"type": "DepthwiseConv2D", "kernel_size": 3, "strides": 2},
        {"type": "Flatten"},
    ]
    spec = make_spec(shape=(6, 5, 2), layers=layers)
    network = make_network(spec=spec)
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 3))
