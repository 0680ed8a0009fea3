"""The option `window` of a table: which rows become sequences, and what their targets are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from models.errors import MOST_FAULTS, Fault
from models.series.calendar import CYCLES
from models.series.window import GAPS
from models.suggestions import unknown_name
from models.values.pointers import pointer_to
from models.values.tensors import name_type

MAX_STEPS = 100_000
MAX_LISTED = 1000
"""The columns of a group, targets and horizons at most."""
WINDOW = ("steps", "horizon", "stride", "time_column", "group", "gaps", "calendar", "targets")
NEED_TIME = ("gaps", "calendar")


@dataclass(frozen=True)
class WindowOptions:
    """A checked `window` with its defaults."""

    steps: int
    horizons: tuple[int, ...]
    stride: int
    time_column: str | None
    group: tuple[str, ...]
    gaps: str | None
    calendar: tuple[str, ...]
    targets: tuple[str, ...]
    shape: tuple[int, ...]
    """The shape of a row's target: an axis for a list of horizons, then one for a list of targets."""

    @classmethod
    def of(cls, request: dict[str, Any]) -> Self:
        """The options of a dataset's request that has a `window`."""
        window: dict[str, Any] = request["window"]
        horizon, group, targets = (window.get(name) for name in ("horizon", "group", "targets"))
        lists = [values for values in (horizon, targets) if isinstance(values, list)]
        return cls(
            steps=window["steps"],
            horizons=tuple(horizon) if isinstance(horizon, list) else (1 if horizon is None else horizon,),
            stride=window.get("stride") or 1,
            time_column=window.get("time_column"),
            group=(group,) if isinstance(group, str) else tuple(group or ()),
            gaps=window.get("gaps"),
            calendar=tuple(window.get("calendar") or ()),
            targets=(request["target"],) if targets is None else tuple(targets),
            shape=tuple(map(len, lists)),
        )


def has_targets(window: Any) -> bool:
    """Whether a posted `window` names the targets."""
    return isinstance(window, dict) and window.get("targets") is not None


def find_named_columns(window: dict[str, Any]) -> list[tuple[Any, tuple[str | int, ...]]]:
    """The columns that a `window` names, with their places in it; they are texts once it is checked."""
    named: list[tuple[Any, tuple[str | int, ...]]] = []
    for option in ("time_column", "group", "targets"):
        value = window.get(option)
        if isinstance(value, str):
            named.append((value, (option,)))
        named += [(name, (option, number)) for number, name in enumerate(value if isinstance(value, list) else ())]
    return named


def check_window(window: Any) -> Iterator[Fault]:
    """The faults of a posted `window` that can be found without the table."""
    if not isinstance(window, dict):
        yield Fault(f'"window" must be an object, not {name_type(window)}.', pointer_to("window"))
        return
    for name in window:
        if name not in WINDOW:
            yield unknown_name(name, WINDOW, pointer_to("window", name), "option of a window")
    if window.get("steps") is None:
        yield Fault('A window requires "steps": the number of rows in a sequence.', pointer_to("window", "steps"))
    whole = [("steps", 1), ("stride", 1), *([] if isinstance(window.get("horizon"), list) else [("horizon", 0)])]
    for name, lowest in whole:
        if window.get(name) is not None and not _is_whole(window[name], lowest):
            yield Fault(f'"{name}" must be an integer from {lowest} to {MAX_STEPS:,}.', pointer_to("window", name))
    if not isinstance(window.get("time_column", ""), str | None):
        yield Fault('"time_column" must be the name of a column.', pointer_to("window", "time_column"))
    if window.get("gaps") not in (None, *GAPS):
        yield unknown_name(str(window["gaps"]), GAPS, pointer_to("window", "gaps"), "way to handle gaps")
    yield from _check_lists(window)
    for name in NEED_TIME:
        if window.get(name) and window.get("time_column") is None:
            yield Fault(f'"{name}" requires "time_column".', pointer_to("window", name))
    yield from _check_roles(window)


def _check_lists(window: dict[str, Any]) -> Iterator[Fault]:
    """The faults of the options that are, or may be, lists."""
    column = "the names of columns"
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "group": (lambda value: isinstance(value, str), column),
        "targets": (lambda value: isinstance(value, str), column),
        "calendar": (lambda value: isinstance(value, str) and value in CYCLES, ", ".join(CYCLES)),
        "horizon": (lambda value: _is_whole(value, 0), f"integers from 0 to {MAX_STEPS:,}"),
    }
    for name, (is_valid, expected) in rules.items():
        values, pointer = window.get(name), pointer_to("window", name)
        if values is None or (name == "horizon" and not isinstance(values, list)):
            continue
        if name == "group" and isinstance(values, str):
            continue
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_LISTED:
            what = "the name of a column, or a list of them" if name == "group" else f"a list of {expected}"
            yield Fault(f'"{name}" must be {what}.', pointer)
            continue
        wrong = [number for number, value in enumerate(values) if not is_valid(value)]
        for number in islice(wrong, MOST_FAULTS):
            yield Fault(f'"{name}" must contain only {expected}.', pointer_to("window", name, number))
        if not wrong and len(set(values)) < len(values):
            yield Fault(f'"{name}" must not contain a value twice.', pointer)
        elif not wrong and name == "horizon" and values != sorted(values):
            yield Fault('The horizons must be in ascending order: "horizon" is the order of the outputs.', pointer)


def _check_roles(window: dict[str, Any]) -> Iterator[Fault]:
    """The faults of columns that are named for two purposes."""
    roles: dict[str, str] = {}
    for name, place in find_named_columns(window):
        if not isinstance(name, str):
            continue
        option = str(place[0])
        if roles.setdefault(name, option) != option:
            detail = f'"{name}" can\'t be in "{option}": it is in "{roles[name]}" already.'
            yield Fault(detail, pointer_to("window", *place))


def _is_whole(value: Any, lowest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= MAX_STEPS
