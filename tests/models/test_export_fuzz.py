"""Drawn layers, exported and compared with Keras: untrained, with random weights.

FITSERVE_FUZZ_EXAMPLES sets the number of layers, and then they differ from run to run; 2,000 take about 15 minutes.
FITSERVE_FUZZ_TYPES restricts them to types, separated by commas.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, reject, settings
from hypothesis import strategies as st

from models.building import build_network
from models.catalogue import load_catalogue
from models.errors import InvalidSpec
from models.export import export_onnx
from models.limits import Limits
from models.parity import Differs, compare_with_keras, run_in_float64, run_keras
from models.spec import NetworkSpec
from models.validation import check_network
from models.weights import named_weights, weight_values
from tests.models.layer_strategies import CASES, FuzzCase
from tests.models.sequence_strategies import SEQUENCE_CASES

EXAMPLES = os.environ.get("FITSERVE_FUZZ_EXAMPLES")
SECONDS = 300 + 2 * int(EXAMPLES or 0)
"""A limit for the whole test; 2,000 layers take about a quarter of it."""
STRATEGIES = CASES | SEQUENCE_CASES
TYPES = os.environ["FITSERVE_FUZZ_TYPES"].split(",") if "FITSERVE_FUZZ_TYPES" in os.environ else sorted(STRATEGIES)
ROWS = 13
"""More than any length of an axis: keras.ops.add takes a column as long as the other tensor's rows for a bias."""


def spec_of(case: FuzzCase, observe_mask: bool) -> dict[str, Any]:
    """The network of a case: inputs of which some are masked, the layer, and all its numbers as the output.

    With `observe_mask` masked steps of the layer become zeros: Multiply does this.
    """
    names = [f"input_{index}" for index in range(len(case.shapes))]
    masked = [*case.masked, *[False] * len(names)]
    taken = [f"masked_{name}" if mask else name for name, mask in zip(names, masked, strict=False)]
    masking = [{"type": "Masking", "name": made, "inputs": [name]} for name, made in zip(names, taken, strict=True)]
    layers: list[dict[str, Any]] = [layer for layer in masking if layer["name"] not in names]
    layers.append({"type": case.type, **case.parameters, "name": "tested", "inputs": taken})
    if observe_mask:
        layers.append({"type": "Multiply", "inputs": ["tested", "tested"]})
    return {
        "task": "regression",
        "inputs": {name: {"shape": list(shape)} for name, shape in zip(names, case.shapes, strict=True)},
        "layers": [*layers, {"type": "Flatten"}],
        "optimizer": "sgd",
        "loss": "mse",
    }


def randomize_weights(network: keras.Model, generator: np.random.Generator) -> None:
    """Give every weight random numbers, positive ones to variances and deviations."""
    for name, weight in named_weights(network).items():
        if not weight.dtype.startswith("float"):
            continue
        if name.endswith(("variance", "stddev")):
            weight.assign(generator.uniform(0.2, 2, weight.shape))
        else:
            weight.assign(generator.normal(0, 0.7, weight.shape))


def compare_as_exactly(network: keras.Model, path: Path, rows: dict[str, np.ndarray]) -> None:
    """Raise Differs if the exported network differs from Keras, unless it is closer than Keras to the same network
    in float64: a recurrent layer without bounds can amplify the rounding errors of both beyond the tolerance."""
    try:
        compare_with_keras(network, path, rows)
    except Differs as error:
        exact = run_in_float64(network, rows)
        of_export, of_keras = (np.max(np.abs(outputs - exact)) for outputs in (error.actual, error.expected))
        if not of_export <= of_keras:
            raise


@pytest.mark.timeout(SECONDS)
@pytest.mark.filterwarnings("ignore:Layer '.*' .of type:UserWarning")  # it loses the mask
@settings(
    max_examples=int(EXAMPLES or 25),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    case=st.sampled_from(TYPES).flatmap(lambda type_: STRATEGIES[type_]),
    observe_mask=st.booleans(),
    seed=st.integers(0, 999),
)
@example(FuzzCase("Maximum", {}, ((4, 4), (4,), (4, 1)), masked=(True, False, True)), True, 469)
@example(FuzzCase("Multiply", {}, ((4, 3), (4, 3)), masked=(True, False)), True, 0)
@example(FuzzCase("Concatenate", {"axis": 1}, ((4, 3), (2, 3)), masked=(True, False)), True, 0)
@example(FuzzCase("LayerNormalization", {"axis": [1, -1]}, ((4, 3),)), False, 0)
@example(
    FuzzCase("EinsumDense", {"equation": "abcd,b->acd", "output_shape": [2, 2], "bias_axes": "c"}, ((2, 2, 2),)),
    False,
    0,
)
@example(FuzzCase("Activation", {"activation": "sparsemax"}, ((4, 3),)), False, 0)
@example(
    FuzzCase(
        "ConvLSTM3D",
        {
            "filters": 3,
            "kernel_size": 3,
            "dilation_rate": 3,
            "use_bias": False,
            "padding": "same",
            "activation": "celu",
            "recurrent_activation": "softsign",
        },
        ((6, 6, 2, 3, 2),),
    ),
    False,
    0,
)
@example(FuzzCase("GlobalAveragePooling3D", {"keepdims": False}, ((1, 4, 2, 2),), masked=(True,)), True, 100)
def test_a_drawn_layer_predicts_as_in_keras(case: FuzzCase, observe_mask: bool, seed: int) -> None:
    document = spec_of(case, observe_mask)
    try:
        check_network(document, Limits())
        spec = NetworkSpec.from_document(document)
        network = build_network(spec, Limits(), seed)
    except InvalidSpec:
        reject()
    generator = np.random.default_rng(seed)
    randomize_weights(network, generator)
    rows = {name: case.draw_rows(input_.shape, ROWS, generator) for name, input_ in spec.inputs.items()}
    try:
        run_keras(network, rows)
    except Exception:  # masks that Keras can't broadcast, and numbers that it refuses
        reject()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        try:
            export_onnx(spec, weight_values(network), path)
            compare_as_exactly(network, path, rows)
        except Exception as error:  # those of ONNX Runtime name only a node
            error.add_note(f"{case}, observe_mask={observe_mask}, seed={seed}")
            raise


def test_every_layer_is_drawn() -> None:
    assert STRATEGIES.keys() | {"Pretrained"} == load_catalogue().layers.keys()
