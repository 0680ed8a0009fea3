"""The catalogue's file, and how names are found in it."""

import subprocess
import sys

import pytest

from models.catalogue import load_catalogue
from models.catalogue.selection import PARAMETERS_LEFT_OUT


def test_the_file_is_what_the_installed_keras_gives() -> None:
    check = [sys.executable, "-m", "models.catalogue.generate", "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr[-2000:]


def test_reading_it_imports_no_keras() -> None:
    script = (
        "import sys, models.validation, models.runtime; sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("kind", "name", "type_"),
    [
        ("optimizer", "adam", "Adam"),
        ("optimizer", "ADAM", "Adam"),
        ("optimizer", "lamb", "Lamb"),
        ("loss", "mse", "MeanSquaredError"),
        ("loss", "mean_squared_error", "MeanSquaredError"),
        ("loss", "kl_divergence", "KLDivergence"),
        ("metric", "acc", "Accuracy"),
        ("metric", "accuracy", "Accuracy"),
        ("metric", "RootMeanSquaredError", "RootMeanSquaredError"),
        ("layer", "MaxPool2D", "MaxPooling2D"),
        ("initializer", "he_normal", "HeNormal"),
        ("regularizer", "l1_l2", "L1L2"),
        ("activation", "swish", "silu"),
    ],
)
def test_names_are_found_as_keras_finds_them(kind: str, name: str, type_: str) -> None:
    entry = load_catalogue().find(kind, name)
    assert entry is not None
    assert entry.type == type_


def test_other_names_are_not_found() -> None:
    assert load_catalogue().find("layer", "dense") is None
    assert load_catalogue().find("layer", "Lambda") is None
    assert load_catalogue().find("optimizer", "LossScaleOptimizer") is None


def test_the_nearest_name_is_suggested_if_there_is_one() -> None:
    assert load_catalogue().nearest("layer", "Dence") == "Dense"
    assert load_catalogue().nearest("layer", "conv2d") == "Conv2D"
    assert load_catalogue().nearest("layer", "Telephone") is None


def test_an_entry_as_it_is_listed() -> None:
    document = load_catalogue().layers["Dropout"].to_document()
    assert document["type"] == "Dropout"
    assert document["category"] == "regularization"
    rate = document["parameters"][0]
    assert "Fraction of the input units" in rate.pop("description")
    assert rate == {
        "name": "rate",
        "type": "number",
        "required": True,
        "default": None,
        "minimum": 0.0,
        "maximum": 1.0,
        "allowed": None,
    }


def test_every_entry_and_parameter_is_described() -> None:
    catalogue = load_catalogue()
    for entries in (catalogue.layers, catalogue.optimizers, catalogue.losses, catalogue.metrics):
        for entry in entries.values():
            assert entry.description
            assert all(parameter.description for parameter in entry.parameters), entry.type


def test_defaults_obey_their_own_rules() -> None:
    catalogue = load_catalogue()
    for entries in (catalogue.layers, catalogue.optimizers, catalogue.losses, catalogue.metrics):
        for parameter in (parameter for entry in entries.values() for parameter in entry.parameters):
            assert parameter.name not in PARAMETERS_LEFT_OUT
            if isinstance(parameter.default, float):
                assert parameter.minimum is None or parameter.default >= parameter.minimum, parameter
                assert parameter.maximum is None or parameter.default <= parameter.maximum, parameter
