"""Instances of networks with several inputs: objects by the inputs' names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.errors import Fault, InvalidInstances
from models.preprocessing import Preprocessing, inputs_from_dataset
from models.spec import InputSpec, Scaling
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec


def fit_whole(dataset: Dataset) -> Preprocessing:
    """Fitted for a network that takes all of a dataset, its numbers as they are."""
    return Preprocessing.fit(make_spec(inputs=inputs_from_dataset(dataset.descriptor, "whole", "none")), dataset)


def faults_of(preprocessing: Preprocessing, instances: Any) -> tuple[Fault, ...]:
    with pytest.raises(InvalidInstances) as caught:
        preprocessing.read_instances(instances)
    return caught.value.faults


def test_several_inputs_are_read_by_name(tmp_path: Path) -> None:
    posted = {"left": [[1, 2], [3, 4]], "right": [[5], [6]]}
    dataset = make_dataset(tmp_path, "inline", inputs=posted, targets=[0, 1])
    fitted = fit_whole(dataset)

    inputs, _ = fitted.read_instances([{"left": [1, 2], "right": [5]}, {"right": [6], "left": [3, 4]}])

    assert {name: values.tolist() for name, values in inputs.items()} == posted


@pytest.mark.parametrize(
    ("instance", "found"),
    [
        ({"left": [1, 2]}, [("right", "#/instances/1/right")]),
        ({"left": [1, 2], "rihgt": [5]}, [("right", "#/instances/1/right"), ("rihgt", "#/instances/1/rihgt")]),
        ({"left": [1, "x"], "right": [5, 6]}, [("left/1", "#/instances/1/left/1"), ("right", "#/instances/1/right")]),
        ({"left": [1], "right": None}, [("left", "#/instances/1/left"), ("right", "#/instances/1/right")]),
        ([1, 2], [(None, "#/instances/1")]),
    ],
)
def test_faults_name_row_and_input(instance: Any, found: list[tuple[str | None, str]], tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs={"left": [[1, 2], [3, 4]], "right": [[5], [6]]}, targets=[0, 1])

    faults = faults_of(fit_whole(dataset), [{"left": [1, 2], "right": [5]}, instance])

    assert [(fault.column, fault.pointer) for fault in faults] == found
    assert {fault.row for fault in faults} == {1}


def test_one_input_with_a_name_may_be_posted_by_it_or_plainly(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs={"left": [[1, 2], [3, 4]]}, targets=[0, 1])
    fitted = fit_whole(dataset)

    for instances in ([{"left": [1, 2]}], [[1, 2]]):
        inputs, _ = fitted.read_instances(instances)
        assert inputs["left"].tolist() == [[1, 2]]


def test_each_input_is_scaled_by_its_own_training_rows(tmp_path: Path) -> None:
    posted = {"left": [[0, 10], [2, 30], [99, 99]], "right": [[255], [51], [0]]}
    split = {"test": 0.34, "seed": 3}
    dataset = make_dataset(tmp_path, "inline", inputs=posted, targets=[0.5, 1.5, 2.5], split=split)
    training = dataset.split("train")
    inputs = {"left": InputSpec((2,), Scaling.STANDARD), "right": InputSpec((1,), Scaling.UNIT)}
    fitted = Preprocessing.fit(make_spec(inputs=inputs), dataset)

    scaled = fitted.network_inputs(training)

    assert np.allclose(scaled["left"].mean(axis=0), 0, atol=1e-6)
    assert np.allclose(scaled["left"].std(axis=0), 1, atol=1e-6)
    assert np.allclose(scaled["right"], (training.tensors or {})["right"] / 255)
