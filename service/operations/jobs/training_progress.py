"""The progress of a training in its job's row, moved to another epoch or to another number of epochs.

`fraction` counts the trainings of `folds` and the one that makes the version alike; the epochs are those of the latter.
"""

from typing import Any


def advance(progress: dict[str, Any], epoch: int, folds: int) -> dict[str, Any]:
    """The progress at the end of an epoch."""
    within = {name: value for name, value in progress.items() if name != "fold"}
    fraction = (folds + epoch / progress["epochs"]) / (folds + 1)
    return within | {"epoch": epoch, "step": progress["steps"], "fraction": fraction}


def with_epochs(progress: dict[str, Any], epochs: int, folds: int) -> dict[str, Any]:
    """The progress of a training that now has another number of epochs."""
    if "fold" in progress:
        return progress | {"epochs": epochs}
    done = (progress["fraction"] * (folds + 1) - folds) * progress["epochs"]
    left, eta = progress["epochs"] - done, progress["eta_seconds"]
    if eta is not None:
        eta = eta / left * max(0.0, epochs - done) if left else None
    fraction = (folds + min(1.0, done / epochs)) / (folds + 1)
    return progress | {"epochs": epochs, "fraction": fraction, "eta_seconds": eta}
