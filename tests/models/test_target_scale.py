"""Targets of a regression are scaled for the network, and what clients see stays in their own units."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InvalidData
from models.spec import NetworkSpec, TargetScaling
from models.target_fitting import fit_scale
from models.target_scale import TargetScale
from models.targets import Form, TargetEncoding
from models.validation import complete_target
from models.validation.targets import target_faults
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

DENSE = {"type": "Dense", "units": 1}
REGRESSION: dict[str, Any] = {
    "task": "regression", "input": {"shape": [3]}, "layers": [DENSE], "optimizer": "adam", "loss": "mean_squared_error",
}  # fmt: skip


def scaled(scaling: str) -> NetworkSpec:
    return NetworkSpec.from_document(REGRESSION | {"target": {"scaling": scaling}})


@pytest.mark.parametrize("scaling", [TargetScaling.STANDARD, TargetScaling.LOG])
def test_each_number_of_a_target_is_scaled_and_converted_back(scaling: TargetScaling) -> None:
    targets = np.random.default_rng(0).normal([135_000, 3], [20_000, 0.5], (200, 2)) ** 2 / 1000
    scale = TargetScale.fit(scaling, targets)
    learnt = scale.apply(targets)
    assert learnt.dtype == np.float32
    np.testing.assert_allclose(learnt.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(learnt.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(scale.invert(learnt), targets, rtol=1e-5, atol=1e-5)
    assert TargetScale.from_document(json.loads(json.dumps(scale.to_document()))) == scale


def test_a_small_deviation_around_a_large_mean_keeps_its_digits() -> None:
    targets = 1e9 + np.arange(5.0)[:, None]
    scale = TargetScale.fit(TargetScaling.STANDARD, targets)
    np.testing.assert_allclose(scale.apply(targets)[:, 0], (np.arange(5) - 2) / math.sqrt(2), rtol=1e-6)


def test_a_constant_number_is_only_shifted() -> None:
    scale = TargetScale.fit(TargetScaling.STANDARD, np.full((4, 1), 7.0))
    assert scale.apply(np.array([[7.0], [9.0]])).tolist() == [[0], [2]]


def test_the_scale_is_that_of_the_training_rows_and_stays_with_the_encoding(tmp_path: Path) -> None:
    split = {"validation": 0.25, "test": 0.25, "seed": 1}
    targets = (np.arange(16.0) ** 2).tolist()
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 0, 0]] * 16, targets=targets, split=split)
    spec, training = scaled("standard"), np.asarray(dataset.targets("train"))
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 1, fit_scale(spec, dataset))
    assert encoding.scale is not None
    assert list(encoding.scale.mean) == pytest.approx([training.mean()])
    assert encoding.to_units(encoding.encode(training))[:, 0] == pytest.approx(training, abs=1e-4)
    assert TargetEncoding.from_document(json.loads(json.dumps(encoding.to_document()))) == encoding


def test_the_encoding_of_an_older_version_has_no_scale() -> None:
    encoding = TargetEncoding.from_document({"name": "y", "form": "numbers", "classes": None, "shape": [1]})
    assert encoding == TargetEncoding("y", Form.NUMBERS, None, (1,))
    assert encoding.encode(np.array([1.5])).tolist() == [[1.5]]
    assert make_spec("regression", loss="mse").target_scaling is TargetScaling.NONE


def test_a_logarithm_needs_targets_above_minus_one(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 0, 0]] * 4, targets=[0.5, -1, 3.5, -7.25])
    with pytest.raises(InvalidData, match='2 rows have a value of -1 or less in the target "target"'):
        fit_scale(scaled("log"), dataset)


@pytest.mark.parametrize("kind", ["table", "sequence"])
def test_the_target_of_a_table_or_a_series_is_scaled_by_default(kind: str) -> None:
    assert complete_target(REGRESSION, kind) == {"scaling": "standard"}
    assert complete_target(REGRESSION | {"target": {"scaling": "log"}}, kind) == {"scaling": "log"}
    assert complete_target(REGRESSION | {"task": "binary", "loss": "binary_crossentropy"}, kind) is None


@pytest.mark.parametrize("kind", [None, "vector", "image"])
def test_other_targets_stay_as_they_are_by_default(kind: str | None) -> None:
    assert complete_target(REGRESSION, kind) == {"scaling": "none"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"loss": "poisson"}, "The loss Poisson takes"),
        ({"loss": "msle"}, "The loss MeanSquaredLogarithmicError takes"),
        ({"loss": "mape"}, "The loss MeanAbsolutePercentageError takes"),
        ({"layers": [{**DENSE, "activation": "relu"}]}, "activation relu doesn't output"),
        ({"layers": [{**DENSE, "activation": "softplus"}, {"type": "Flatten"}]}, "activation softplus doesn't"),
        ({"layers": [DENSE, {"type": "Activation", "activation": "sigmoid"}]}, "activation sigmoid doesn't"),
        ({"layers": [DENSE, {"type": "ReLU"}]}, "activation relu doesn't output"),
        ({"layers": [{"type": "LSTM", "units": 1}]}, "activation tanh doesn't output"),
        ({"layers": [{"type": "Bidirectional", "layer": {"type": "GRU", "units": 1}}]}, "activation tanh doesn't"),
        ({"layers": [DENSE, {"type": "Rescaling", "scale": 1000}]}, "Rescaling, which scales its output already"),
    ],
)
def test_a_network_that_cannot_output_a_scaled_target_gets_none_and_says_why(change: Any, reason: str) -> None:
    assert complete_target(REGRESSION | change, "table") == {"scaling": "none"}
    for scaling in ("standard", "log"):
        (fault,) = target_faults(REGRESSION | change | {"target": {"scaling": scaling}})
        assert (fault.pointer, fault.allowed) == ("#/target/scaling", ("none",))
        assert reason in fault.detail
    assert not list(target_faults(REGRESSION | change | {"target": {"scaling": "none"}}))


@pytest.mark.parametrize("activation", [None, "linear", "leaky_relu", {"type": "tanh_shrink"}])
def test_an_output_of_any_number_suits_a_scaled_target(activation: Any) -> None:
    document = REGRESSION | {"layers": [{**DENSE, "activation": activation}], "loss": {"type": "huber", "delta": 2}}
    assert complete_target(document, "table") == {"scaling": "standard"}
    assert not list(target_faults(document | {"target": {"scaling": "log"}}))


def test_only_a_regression_has_a_target_to_scale() -> None:
    (fault,) = target_faults({"task": "multiclass", "target": {"scaling": "none"}})
    assert fault.pointer == "#/target/scaling"
