"""The progress of a training, moved to another epoch or number of epochs, with and without folds before it."""

from typing import Any

import pytest

from service.operations.jobs.training_progress import advance, with_epochs


def progress(epoch: int, step: int, fraction: Any, **others: Any) -> dict[str, Any]:
    return {"epoch": epoch, "epochs": 4, "step": step, "steps": 10, "fraction": fraction, "eta_seconds": 6.0, **others}


def test_an_epoch_is_its_share_of_the_training() -> None:
    assert advance(progress(1, 5, 0.125), 3, folds=0) == progress(3, 10, 0.75)


def test_an_epoch_is_its_share_of_what_is_left_after_the_folds() -> None:
    assert advance(progress(1, 0, 0.8), 2, folds=4) == progress(2, 10, pytest.approx(0.9))
    assert advance(progress(0, 10, 0.8, fold=4), 2, folds=4) == progress(2, 10, pytest.approx(0.9))


def test_more_epochs_lower_the_fraction_and_raise_the_estimate() -> None:
    changed = with_epochs(progress(2, 10, 0.5), 6, folds=0)
    assert (changed["fraction"], changed["eta_seconds"], changed["epochs"]) == (pytest.approx(1 / 3), 12.0, 6)
    assert with_epochs(progress(2, 10, 0.9), 8, folds=4)["fraction"] == pytest.approx(0.85)
    assert with_epochs(progress(4, 10, 1.0), 8, folds=0)["fraction"] == 0.5
    assert with_epochs(progress(0, 5, 0.3, fold=2), 8, folds=4) == progress(0, 5, 0.3, fold=2) | {"epochs": 8}
