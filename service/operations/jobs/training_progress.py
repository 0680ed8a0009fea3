"""The progress of a training in its job's row, moved to another epoch or to another number of epochs.

`fraction` counts all trainings of the job: with folds, the epochs are only a part of it.
"""

from typing import Any


def advance(progress: dict[str, Any], epoch: int) -> dict[str, Any]:
    """The progress at the end of an epoch."""
    left = progress["epochs"] - _epochs_done(progress)
    share = (1 - progress["fraction"]) / left if left > 0 else 0.0
    fraction = 1 - share * (progress["epochs"] - epoch)
    return _without_fold(progress) | {"epoch": epoch, "step": progress["steps"], "fraction": fraction}


def with_epochs(progress: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The progress of a training that now has another number of epochs."""
    done, fraction, eta = _epochs_done(progress), progress["fraction"], progress["eta_seconds"]
    before, after = progress["epochs"] - done, max(0.0, epochs - done)
    if before <= 0:
        return progress | {"epochs": epochs, "fraction": min(1.0, done / epochs)}
    total = fraction + (1 - fraction) * after / before
    return progress | {
        "epochs": epochs,
        "fraction": fraction / total if total else 1.0,
        "eta_seconds": None if eta is None else eta * after / before,
    }


def _epochs_done(progress: dict[str, Any]) -> float:
    """The finished epochs, with the part of the running one; 0 while folds are trained, whose epochs don't count."""
    of_epoch = progress["step"] / progress["steps"] if progress["steps"] else 0.0
    return float(max(0.0, progress["epoch"] - 1 + of_epoch))


def _without_fold(progress: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in progress.items() if name != "fold"}
