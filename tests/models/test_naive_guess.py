"""What would be guessed without a network, and trained networks that are no better."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.gain import Reached, find_no_balanced_gain, find_no_gain
from models.naive_guess import NaiveGuess
from models.scores import Activation, score
from models.spec import NetworkSpec, Task
from models.target_fitting import fit_scale
from models.targets import Form, TargetEncoding
from tests.models.made_datasets import make_dataset
from tests.models.made_uploads import import_upload
from tests.models.network_specs import make_spec


def fit(dataset: Dataset, spec: NetworkSpec, outputs: int) -> tuple[NaiveGuess, TargetEncoding]:
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs, fit_scale(spec, dataset))
    guess = NaiveGuess.fit(dataset, encoding)
    assert NaiveGuess.from_document(json.loads(json.dumps(guess.to_document()))) == guess
    return guess, encoding


def made(folder: Path, targets: list[Any], **members: Any) -> Dataset:
    return make_dataset(folder, "inline", inputs=[[0]] * len(targets), targets=targets, **members)


@pytest.mark.parametrize("activation", [None, Activation.SOFTMAX])
def test_classes_are_guessed_by_their_shares(tmp_path: Path, activation: Activation | None) -> None:
    dataset = made(tmp_path, ["b", "a", "b", "b", "c"])
    guess, encoding = fit(dataset, make_spec(), 3)
    outputs = guess.outputs(dataset.split("train"), encoding, activation)
    np.testing.assert_allclose(score(outputs, Task.MULTICLASS, activation), [[0.2, 0.6, 0.2]] * 5, rtol=1e-6)
    assert 'most often "b"' in guess.describe(encoding)


@pytest.mark.parametrize("activation", [None, Activation.SIGMOID, Activation.MARGIN])
def test_one_unit_of_a_binary_task_guesses_the_share_of_the_second_class(
    tmp_path: Path, activation: Activation | None
) -> None:
    dataset = made(tmp_path, ["yes", "no", "no", "no"])
    guess, encoding = fit(dataset, make_spec("binary", loss="binary_crossentropy"), 1)
    assert encoding.form is Form.BINARY
    outputs = guess.outputs(dataset.split("train"), encoding, activation)
    np.testing.assert_allclose(score(outputs, Task.BINARY, activation), [[0.75, 0.25]] * 4, rtol=1e-6)


@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
def test_a_number_is_guessed_as_the_mean_of_the_training_rows(tmp_path: Path, scaling: str) -> None:
    dataset = made(tmp_path, [1.5, 2.5, 11.0])
    spec = NetworkSpec.from_document(
        make_spec("regression", loss="mse").to_document() | {"target": {"scaling": scaling}}
    )
    guess, encoding = fit(dataset, spec, 1)
    outputs = guess.outputs(dataset.split("train"), encoding, None)
    np.testing.assert_allclose(encoding.to_units(outputs), [[5]] * 3, rtol=1e-6)


@pytest.mark.parametrize("ignore", [[], ["value"]])
def test_a_series_is_guessed_to_stay_as_it_is_if_the_network_sees_its_past(tmp_path: Path, ignore: list[str]) -> None:
    lines = ["time,other,value", *(f"{number},{number % 3}.5,{number**2 + 0.25}" for number in range(12))]
    window = {"steps": 3, "horizon": 2, "time_column": "time"}
    dataset = import_upload(tmp_path, "\n".join(lines), target="value", window=window, ignore=ignore)
    guess, encoding = fit(dataset, make_spec("regression", loss="mse"), 1)
    split, targets = dataset.split("train"), np.asarray(dataset.targets("train"))
    outputs = guess.outputs(split, encoding, None)[:, 0]
    if ignore:
        assert outputs == pytest.approx(targets.mean())
    else:
        assert outputs.tolist() == [(number - 2) ** 2 + 0.25 for number in np.sqrt(targets - 0.25)]
        assert guess.describe(encoding) == 'repeating the last value of "value"'


def test_several_targets_and_horizons_of_a_series_each_repeat_their_last_value(tmp_path: Path) -> None:
    lines = ["time,a,b", *(f"{number},{number}.5,{100 - number}.5" for number in range(12))]
    window = {"steps": 3, "horizon": [1, 2], "targets": ["b", "a"], "time_column": "time"}
    dataset = import_upload(tmp_path, "\n".join(lines), target=None, window=window)
    guess, encoding = fit(dataset, make_spec("regression", loss="mse"), 2)
    split, targets = dataset.split("train"), np.asarray(dataset.targets("train"))
    last = targets[:, 0] - [-1, 1]
    assert guess.outputs(split, encoding, None).tolist() == np.stack([last, last], axis=1).tolist()


SHARES = NaiveGuess((0.5, 0.5))
CLASSES = TargetEncoding("y", Form.BINARY, ["no", "yes"])
LOSS = math.log(2)


@pytest.mark.parametrize(
    ("reached", "problem"),
    [
        ({"loss": 0.2, "accuracy": 0.95}, None),
        ({"loss": 0.9, "accuracy": 0.95}, None),  # overfitted, but far more often right
        ({"loss": 0.69, "accuracy": 0.5}, "accuracy 0.5 on the validation rows"),
        ({"loss": 0.69, "accuracy": 0.54}, "loss 0.69 on the validation rows"),  # by chance
        ({"loss": 0.60, "accuracy": 0.54}, None),
    ],
)
def test_a_classifier_must_be_right_more_often_than_the_majority(
    reached: dict[str, float], problem: str | None
) -> None:
    spec = NetworkSpec.from_document(make_spec("binary").to_document() | {"metrics": ["accuracy"]})
    reaches = {"validation": Reached(100, reached, {"loss": LOSS, "accuracy": 0.5}), "test": None, "train": None}
    found = find_no_gain(spec, SHARES.describe(CLASSES), reaches)
    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize(
    ("reached", "better"),
    [
        ({"loss": 0.5, "balanced_accuracy": 0.9}, True),  # the loss of rare classes counts more in the training
        ({"loss": 0.69, "balanced_accuracy": 0.5}, False),
        ({"loss": 0.69, "balanced_accuracy": 0.6}, False),  # by chance: there are 10 rows of the rare class
        ({"loss": 0.1, "balanced_accuracy": 0.5}, True),
        ({"loss": math.nan, "balanced_accuracy": 0.5}, False),
    ],
)
def test_with_class_weights_a_network_must_recall_the_classes_better_than_one_guess_for_all(
    reached: dict[str, float], better: bool
) -> None:
    guess = {"loss": 0.2, "balanced_accuracy": 0.5}
    found = find_no_balanced_gain("test", Reached(200, reached, guess), [190, 10, 0])
    assert (found is None) is better


def test_a_regression_must_have_a_lower_loss_than_the_guess() -> None:
    spec, guess = make_spec("regression", loss="mse"), NaiveGuess((5.0,)).describe(TargetEncoding("y", Form.NUMBERS))
    worse, better = Reached(100, {"loss": 4.0}, {"loss": 4.02}), Reached(100, {"loss": 2.0}, {"loss": 4.0})
    assert find_no_gain(spec, guess, {"validation": better, "test": worse, "train": worse}) is None
    assert find_no_gain(spec, guess, {"validation": None, "test": worse, "train": better}) == (
        "The network is no better than a naive guess: it has loss 4 on the test rows; "
        "always guessing the mean of the training rows has 4.02."
    )
    assert find_no_gain(spec, guess, {"validation": None, "test": None, "train": None}) is None
