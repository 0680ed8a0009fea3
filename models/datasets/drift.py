"""Compares the descriptors of two versions of a dataset, column by column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor, TargetDescriptor, ValuesDescriptor
from models.values.wording import count_of

MOST_CATEGORIES = 100
"""The largest number of categories or classes that a change lists."""
NAMED = 5
"""The largest number of them that its sentence names."""
MOVED_MEAN = 0.1
"""A mean has moved if it differs by this many of the earlier standard deviations."""
MOVED_BOUND = 0.1
"""A range has moved if a bound differs by this share of the earlier range."""
MOVED_SHARE = 0.01
"""The share of missing values has moved if it differs by this much."""
MOVED_CLASS = 0.05
"""The share of a class has moved if it differs by this much."""

DECIMALS = 9
"""The decimals of a difference that count: that of 0.06 and 0.05 is 0.01."""

Inputs = Mapping[str, InputDescriptor]


@dataclass(frozen=True)
class Change:
    """A difference in a column: `type` is a stable code, `detail` a sentence, `before` and `after` the values."""

    type: str
    column: str
    detail: str
    before: Any = None
    after: Any = None
    counts: dict[str, int] | None = None
    """Rows by category or class; of at most MOST_CATEGORIES."""

    def to_document(self) -> dict[str, Any]:
        members = {"type": self.type, "column": self.column, "detail": self.detail}
        others = {"before": self.before, "after": self.after, "counts": self.counts}
        return members | {name: value for name, value in others.items() if value is not None}


def find_drift(before: DatasetDescriptor, after: DatasetDescriptor) -> list[dict[str, Any]]:
    """How the data of a descriptor differs from that of an earlier one, as documents of Change.

    Numbers are compared by mean and range, categories and classes by name and share, all columns by type and by the
    share of missing values.
    """
    earlier, later = ({entry.name: entry for entry in one.inputs} for one in (before, after))
    rows = before.rows, after.rows
    changes = list(_compare_columns(before, after, earlier, later))
    for name, entry in later.items():
        if name in earlier:
            changes += _compare(earlier[name], entry, rows)
    changes += _compare_targets(before.target, after.target, rows)
    return [change.to_document() for change in changes]


def _compare_columns(
    before: DatasetDescriptor, after: DatasetDescriptor, earlier: Inputs, later: Inputs
) -> Iterator[Change]:
    """The columns that only one of the two has as inputs."""
    left_out, left_out_before = ({one.name: one for one in each.left_out or ()} for each in (after, before))
    for name, entry in earlier.items():
        if name in later:
            continue
        if name in left_out:
            why = left_out[name].detail
            yield Change("left_out", name, f'"{name}" is no longer an input. {why}', before=entry.type)
        else:
            yield Change("removed", name, f'The column "{name}" is gone.', before=entry.type)
    for name, entry in later.items():
        if name in earlier:
            continue
        if name in left_out_before:
            yield Change("used", name, f'"{name}", which was left out, is an input.', after=entry.type)
        else:
            yield Change("added", name, f'The column "{name}" ({entry.type}) is new.', after=entry.type)


def _compare(before: InputDescriptor, after: InputDescriptor, rows: tuple[int, int]) -> Iterator[Change]:
    """The changes of an input that both have."""
    name = after.name
    if before.type != after.type:
        detail = f'"{name}" was a {before.type} and is a {after.type}.'
        yield Change("type_changed", name, detail, before.type, after.type)
        return
    if before.shape != after.shape:
        detail = f'The shape of "{name}" was {before.shape} and is {after.shape}.'
        yield Change("shape_changed", name, detail, before.shape, after.shape)
    if before.unit != after.unit:
        was, now = (f'"{unit}"' if unit else "none" for unit in (before.unit, after.unit))
        yield Change("unit_changed", name, f'The unit of "{name}" was {was} and is {now}.', before.unit, after.unit)
    yield from _compare_missing(before, after, rows)
    if after.type == "category":
        known, found = (_count(entry.categories, entry.counts) for entry in (before, after))
        yield from _compare_names(known, found, "categories", name)
    yield from _compare_numbers(before, after)


def _compare_missing(before: InputDescriptor, after: InputDescriptor, rows: tuple[int, int]) -> Iterator[Change]:
    was, now = before.missing / max(1, rows[0]), after.missing / max(1, rows[1])
    if _differ(was, now, MOVED_SHARE) or (was == 0) != (now == 0):
        detail = f'The share of missing values in "{after.name}" was {_percent(was)} and is {_percent(now)}.'
        yield Change("missing", after.name, detail, was, now)


def _compare_names(known: dict[str, int], found: dict[str, int], member: str, column: str) -> Iterator[Change]:
    """New and vanished categories or classes."""
    what = {"categories": ("category", "categories"), "classes": ("class", "classes")}[member]
    for type_, counts, verb in (
        (f"new_{member}", {name: count for name, count in found.items() if name not in known}, "is new"),
        (f"vanished_{member}", {name: count for name, count in known.items() if name not in found}, "has no row"),
    ):
        if counts:
            verb = verb if len(counts) == 1 else {"is new": "are new", "has no row": "have no rows"}[verb]
            count = f"{len(counts):,} {what[len(counts) != 1]}"
            detail = f'{count} of "{column}" {verb}: {_name(counts)}.'
            yield Change(type_, column, detail, counts=dict(islice(counts.items(), MOST_CATEGORIES)))


def _count(names: list[Any] | None, counts: list[int] | None) -> dict[str, int]:
    """The rows of each category or class that has any."""
    return {_text(name): count for name, count in zip(names or (), counts or (), strict=True) if count}


def _text(name: Any) -> str:
    return str(name).lower() if isinstance(name, bool) else str(name)


def _name(counts: dict[str, int]) -> str:
    named = [f'"{name}" ({count_of(count, "row")})' for name, count in islice(counts.items(), NAMED)]
    return ", ".join(named) + (f" and {len(counts) - NAMED:,} more" if len(counts) > NAMED else "")


def _compare_numbers(before: ValuesDescriptor, after: ValuesDescriptor) -> Iterator[Change]:
    """How mean and range of numbers have moved; of dates only the range."""
    name, bounds = after.name, [(entry.min, entry.max) for entry in (before, after)]
    (lowest, highest), (now_lowest, now_highest) = bounds
    if before.mean is not None and after.mean is not None:
        mean, moved = before.mean, after.mean
        if moved != mean and abs(moved - mean) >= MOVED_MEAN * (before.std or 0):
            yield Change("mean", name, f'The mean of "{name}" was {mean:,.6g} and is {moved:,.6g}.', mean, moved)
    if None in (lowest, highest, now_lowest, now_highest):
        return
    if _have_moved(lowest, highest, now_lowest, now_highest):
        was, now = (f"from {_show(low)} to {_show(high)}" for low, high in bounds)
        detail = f'The range of "{name}" was {was} and is {now}.'
        yield Change("range", name, detail, list(bounds[0]), list(bounds[1]))


def _have_moved(lowest: Any, highest: Any, now_lowest: Any, now_highest: Any) -> bool:
    if isinstance(lowest, str):
        return bool(lowest != now_lowest or highest != now_highest)
    width = highest - lowest
    moves = abs(now_lowest - lowest), abs(now_highest - highest)
    return any(move > 0 and move >= MOVED_BOUND * width for move in moves)


def _show(bound: Any) -> str:
    return f"{bound:,.6g}" if isinstance(bound, int | float) else str(bound)


def _compare_targets(before: TargetDescriptor, after: TargetDescriptor, rows: tuple[int, int]) -> Iterator[Change]:
    name = after.name
    if before.name != name:
        yield Change("renamed", name, f'The target was "{before.name}" and is "{name}".', before.name, name)
    if before.type != after.type:
        detail = f'The target "{name}" was a {before.type} and is a {after.type}.'
        yield Change("type_changed", name, detail, before.type, after.type)
        return
    positive = before.positive_class, after.positive_class
    if positive[0] != positive[1] and None not in positive:
        detail = f'The positive class of "{name}" was "{_text(positive[0])}" and is "{_text(positive[1])}".'
        yield Change("positive_class", name, detail, *positive)
    if after.type == "number":
        yield from _compare_numbers(before, after)
        return
    known, found = (_count(target.classes, target.counts) for target in (before, after))
    yield from _compare_classes(known, found, rows, name)


def _compare_classes(
    before: dict[str, int], after: dict[str, int], rows: tuple[int, int], name: str
) -> Iterator[Change]:
    yield from _compare_names(before, after, "classes", name)
    was, now = ({key: count / max(1, of) for key, count in counts.items()}
                for counts, of in zip((before, after), rows, strict=True))  # fmt: skip
    moved = [key for key in now if key in was and _differ(was[key], now[key], MOVED_CLASS)]
    if moved:
        shares = ", ".join(f'"{key}" from {_percent(was[key])} to {_percent(now[key])}' for key in moved[:NAMED])
        more = f" and {len(moved) - NAMED:,} more" if len(moved) > NAMED else ""
        detail = f'The share of classes of "{name}" has moved: {shares}{more}.'
        listed = moved[:MOST_CATEGORIES]
        yield Change("class_shares", name, detail, {key: was[key] for key in listed}, {key: now[key] for key in listed})


def _differ(was: float, now: float, threshold: float) -> bool:
    """Whether two shares differ by the threshold, as decimal numbers do."""
    return round(abs(now - was), DECIMALS) >= threshold


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
