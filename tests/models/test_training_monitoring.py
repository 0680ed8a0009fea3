"""Every metric of the catalogue can be monitored, in Keras's direction if Keras defines one."""

import keras
import pytest

from models.catalogue import load_catalogue
from models.spec import NetworkSpec
from models.training.monitoring import find_mode, monitored_names

METRICS = [entry.type for entry in load_catalogue().entries("metric")]


def spec_with(*metrics: str | dict[str, str]) -> NetworkSpec:
    return NetworkSpec.from_document(
        {
            "task": "binary",
            "input": {"shape": [2]},
            "layers": [{"type": "Dense", "units": 1}],
            "optimizer": "adam",
            "loss": "binary_crossentropy",
            "metrics": list(metrics),
        }
    )


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_gets_better_as_keras_says(metric: str) -> None:
    directions = {"up": "max", "down": "min"}
    direction = getattr(getattr(keras.metrics, metric), "_direction", None)
    mode = find_mode(spec_with(metric), f"val_{metric}")
    assert mode in directions.values()
    if direction in directions:
        assert mode == directions[direction]


def test_names_are_those_that_the_client_gave() -> None:
    spec = spec_with("accuracy", {"type": "MeanSquaredError", "name": "brier"})
    assert monitored_names(spec, validated=False) == ["loss", "accuracy", "brier"]
    assert monitored_names(spec, validated=True)[3:] == ["val_loss", "val_accuracy", "val_brier"]
    assert [find_mode(spec, name) for name in ("loss", "accuracy", "val_accuracy", "brier")] == [
        "min", "max", "max", "min",
    ]  # fmt: skip
