"""An exported network must compute what Keras computes, but for rounding."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network
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
)
from models.runtime import OnnxNetwork
from models.spec import NetworkSpec
from models.weights import weight_values


def make(layers: list[dict[str, Any]]) -> tuple[NetworkSpec, keras.Model]:
    document = {
        "task": "regression", "input": {"shape": [16]}, "layers": [*layers, {"type": "Dense", "units": 4}],
        "optimizer": "sgd", "loss": "mse",
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
