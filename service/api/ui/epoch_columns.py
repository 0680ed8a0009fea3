"""The metrics of epochs as columns, which are smaller than a list of epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.values.rounding import short_number


def to_columns(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """A list for each metric, and for `epoch` and `learning_rate`; null where an epoch has none."""
    names = dict.fromkeys(["epoch", *(name for epoch in epochs for name in epoch if name != "seconds")])
    return {name: [round_value(epoch.get(name)) for epoch in epochs] for name in names}


def round_value(value: float | None) -> float | None:
    """A number with as many digits as a curve needs."""
    return short_number(value) if isinstance(value, float) else value
