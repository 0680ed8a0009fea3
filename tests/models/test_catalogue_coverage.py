"""Every name in Keras is in the catalogue, or left out with a reason."""

import inspect

import keras
import pytest

from models.catalogue import load_catalogue, selection
from models.catalogue.coverage import PAGE_PATH, write_coverage
from models.pretrained import PRETRAINED

LISTED = {
    "layers": (
        {**load_catalogue().layers, **load_catalogue().cells},
        selection.LAYERS_LEFT_OUT,
    ),
    "optimizers": (load_catalogue().optimizers, selection.OPTIMIZERS_LEFT_OUT),
    "losses": (load_catalogue().losses, selection.LOSSES_LEFT_OUT),
    "metrics": (load_catalogue().metrics, selection.METRICS_LEFT_OUT),
    "initializers": (load_catalogue().initializers, selection.INITIALIZERS_LEFT_OUT),
    "regularizers": (load_catalogue().regularizers, {"Regularizer": "the base class"}),
    "constraints": (load_catalogue().constraints, {"Constraint": "the base class"}),
}


@pytest.mark.parametrize("module", LISTED)
def test_every_class_is_either_in_or_left_out_with_a_reason(module: str) -> None:
    entries, left_out = LISTED[module]
    names = {name: value for name, value in vars(getattr(keras, module)).items() if inspect.isclass(value)}
    included = {names[name] for name in entries if name != PRETRAINED}
    excluded = {names[name] for name in left_out}
    assert not included & excluded
    assert {name for name, value in names.items() if value not in included | excluded} == set()


def test_at_least_95_percent_of_the_layers_that_json_can_describe_are_in() -> None:
    included = len(load_catalogue().layers) + len(load_catalogue().cells)
    missing = set(selection.LAYERS_LEFT_OUT) - set(selection.NOT_DESCRIBABLE)
    assert included / (included + len(missing)) >= 0.95


def test_the_page_is_what_the_catalogue_gives() -> None:
    assert PAGE_PATH.read_text(encoding="utf-8") == write_coverage(), "run python -m models.catalogue.coverage"


def test_every_schedule_is_in() -> None:
    schedules = {name for name, value in vars(keras.optimizers.schedules).items() if inspect.isclass(value)}
    assert schedules - {"LearningRateSchedule"} == set(load_catalogue().keras_schedules)
