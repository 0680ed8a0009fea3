"""An exported network must compute what Keras computes, but for rounding."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models import parity
from models.building import build_network
from models.building.target_units import with_target_units
from models.errors import NotServable
from models.export import export_onnx
from models.limits import Limits
from models.parity import (
    SAME_MAGNITUDE,
    TOLERANCE,
    Differs,
    check_export,
    compare_with_keras,
    random_rows,
    run_in_float64,
    run_keras,
)
from models.runtime import OnnxNetwork
from models.spec import NetworkSpec, TargetScaling
from models.target_scale import TargetScale
from models.weights import weight_values


def make(layers: list[dict[str, Any]], activation: str = "linear") -> tuple[NetworkSpec, keras.Model]:
    last = {"type": "Dense", "units": 4, "activation": activation}
    document = {
        "task": "regression", "input": {"shape": [16]}, "layers": [*layers, last], "optimizer": "sgd", "loss": "mse",
    }  # fmt: skip
    spec = NetworkSpec.from_document(document)
    return spec, build_network(spec, Limits(), seed=1)


@pytest.fixture(scope="module")
def deep() -> tuple[NetworkSpec, keras.Model]:
    """A network whose layers amplify small differences."""
    gain = {"type": "Orthogonal", "gain": 2.5}
    return make([{"type": "Dense", "units": 64, "activation": "tanh", "kernel_initializer": gain}] * 30)


def test_a_network_that_amplifies_rounding_errors_is_accepted(
    deep: tuple[NetworkSpec, keras.Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, network = deep
    path, rows = tmp_path / "network.onnx", random_rows(network, 50)
    export_onnx(spec, weight_values(network), path)
    with pytest.raises(Differs):
        compare_with_keras(network, path, rows)
    difference = check_export(network, path, rows)
    assert difference > TOLERANCE
    assert "Rounding errors, by the network in float64" in capsys.readouterr().out
    exact = run_in_float64(network, rows)
    assert np.abs(OnnxNetwork(path).run(rows) - exact).max() < SAME_MAGNITUDE * difference


def test_an_error_that_rounding_does_not_explain_is_refused(
    deep: tuple[NetworkSpec, keras.Model], tmp_path: Path
) -> None:
    for spec, network in (deep, make([{"type": "Dense", "units": 8}])):
        path, weights = tmp_path / f"{len(spec.layers)}.onnx", weight_values(network)
        last = f"{network.layers[-1].name}/bias"
        export_onnx(spec, weights | {last: weights[last] + np.float32(0.1)}, path)
        with pytest.raises(NotServable, match="differs from Keras by"):
            check_export(network, path, random_rows(network, 50))


def test_a_network_that_rounds_little_has_a_small_difference(tmp_path: Path) -> None:
    spec, network = make([{"type": "Dense", "units": 8}])
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    assert check_export(network, tmp_path / "network.onnx", random_rows(network, 50)) < TOLERANCE


@pytest.mark.parametrize("bias", [100.0, np.nan], ids=["infinite", "not a number"])
def test_outputs_that_are_not_finite_must_be_the_same_and_explain_no_others(bias: float, tmp_path: Path) -> None:
    spec, network = make([], activation="exponential")
    path, weights = tmp_path / "network.onnx", weight_values(network)
    name = f"{network.layers[-1].name}/bias"
    weights[name] = np.array([bias, 0, 0, 0], np.float32)
    network.layers[-1].bias.assign(weights[name])
    rows = random_rows(network, 20)
    export_onnx(spec, weights, path)
    assert check_export(network, path, rows) < TOLERANCE
    for wrong in ([bias, 0.005, 0, 0], [0, 0, 0, 0]):
        export_onnx(spec, weights | {name: np.array(wrong, np.float32)}, path)
        with pytest.raises(Differs):
            check_export(network, path, rows)


def test_float64_is_computed_in_networks_within_networks_and_in_wrapped_layers() -> None:
    inner = keras.Sequential(
        [keras.Input((2, 4)), keras.layers.TimeDistributed(keras.layers.Dense(3, "tanh")), keras.layers.Flatten()]
    )
    outer = [keras.Input((8,), name="input"), keras.layers.Dense(8, "tanh"), keras.layers.Reshape((2, 4)), inner]
    scale = TargetScale(TargetScaling.STANDARD, (3.0,), (2.0,))
    network = with_target_units(keras.Sequential([*outer, keras.layers.Dense(1)]), scale)
    rows = random_rows(network, 30)
    first, wrapped, last = (
        (kernel.astype(np.float64), bias.astype(np.float64))
        for kernel, bias in zip(network.get_weights()[::2], network.get_weights()[1::2], strict=True)
    )
    hidden = np.tanh(rows["input"].astype(np.float64) @ first[0] + first[1]).reshape(-1, 2, 4)
    expected = np.tanh(hidden @ wrapped[0] + wrapped[1]).reshape(-1, 6) @ last[0] + last[1]
    np.testing.assert_allclose(run_in_float64(network, rows), expected * 2.0 + 3.0, rtol=0, atol=1e-13)


def test_float64_is_computed_for_as_few_rows_at_once_as_float32(
    deep: tuple[NetworkSpec, keras.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, network = deep
    computed: list[int] = []

    def run(network: keras.Model, rows: dict[str, np.ndarray]) -> np.ndarray:
        computed.append(len(rows["input"]))
        return run_keras(network, rows)

    monkeypatch.setattr(parity, "rows_at_once", lambda network: 7)
    monkeypatch.setattr(parity, "run_keras", run)
    assert len(run_in_float64(network, random_rows(network, 20))) == 20
    assert computed == [7, 7, 6]
