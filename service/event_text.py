"""How the events of a job read as text: in its text log, and where it is watched."""

from typing import Any

MESSAGE = "message"
EPOCH = "epoch"
PROGRESS = "progress"
TEXT_TYPES = (MESSAGE, EPOCH)
"""The types of events that are part of the text log."""

NOT_METRICS = ("epoch", "seconds", "learning_rate")
"""The members of an epoch's event that aren't metrics."""


class EventText:
    """Puts a job's events, given in their order, as text: what was printed, and a line for each epoch.

    `epochs` is how many are to be trained; the events say when that changes.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._within_line = False

    def put(self, type_: str, data: dict[str, Any]) -> str:
        """The text of an event; empty for one that has none."""
        text = ""
        if type_ == PROGRESS:
            self.epochs = data["epochs"]
        elif type_ == MESSAGE:
            self.epochs = data.get("order", {}).get("epochs") or self.epochs
            text = data["text"]
        elif type_ == EPOCH:
            text = ("\n" if self._within_line else "") + describe_epoch(data, self.epochs) + "\n"
        if text:
            self._within_line = not text.endswith("\n")
        return text


def describe_epoch(data: dict[str, Any], epochs: int) -> str:
    """An epoch that ended as a line, in the style of Keras's `verbose=2`."""
    values = metrics_of(data) | {name: data[name] for name in ("learning_rate",) if name in data}
    shown = (f"{name}: {describe_number(value)}" for name, value in values.items())
    return " - ".join([f"Epoch {data['epoch']}/{epochs}", f"{data['seconds']:.1f}s", *shown])


def describe_fold(data: dict[str, Any]) -> str:
    """A finished fold of a cross-validation as a line."""
    shown = (f"{name}: {describe_number(value)}" for name, value in data["metrics"].items())
    return " - ".join([f"Fold {data['fold']}/{data['folds']}", *shown]) + "\n"


def metrics_of(epoch: dict[str, Any]) -> dict[str, Any]:
    """The loss and the metrics among the members of an epoch's event."""
    return {name: value for name, value in epoch.items() if name not in NOT_METRICS}


def describe_number(value: float | None) -> str:
    """Four digits of a number; None is one that isn't finite."""
    return "nan" if value is None else f"{value:.4g}"


def describe_spread(mean: float | None, std: float | None) -> str:
    """The mean and the standard deviation of a metric over folds."""
    return f"{describe_number(mean)} ± {describe_number(std)}"
