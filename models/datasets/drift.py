"""Compares the descriptors of two versions of a dataset, column by column."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

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


def find_drift(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """How the data of a descriptor differs from that of an earlier one, as documents of Change.

    Numbers are compared by mean and range, categories and classes by name and share, all columns by type and by the
    share of missing values.
    """
    earlier, later = ({entry["name"]: entry for entry in one["inputs"]} for one in (before, after))
    rows = before["rows"], after["rows"]
    changes = list(_compare_columns(before, after, earlier, later))
    for name, entry in later.items():
        if name in earlier:
            changes += _compare(earlier[name], entry, rows)
    changes += _compare_targets(before["target"], after["target"], rows)
    return [change.to_document() for change in changes]


def _compare_columns(
    before: dict[str, Any], after: dict[str, Any], earlier: dict[str, Any], later: dict[str, Any]
) -> Iterator[Change]:
    """The columns that only one of the two has as inputs."""
    left_out, left_out_before = ({one["name"]: one for one in each.get("left_out") or ()} for each in (after, before))
    for name, entry in earlier.items():
        if name in later:
            continue
        if name in left_out:
            why = left_out[name]["detail"]
            yield Change("left_out", name, f'"{name}" is no longer an input. {why}', before=entry["type"])
        else:
            yield Change("removed", name, f'The column "{name}" is gone.', before=entry["type"])
    for name, entry in later.items():
        if name in earlier:
            continue
        if name in left_out_before:
            yield Change("used", name, f'"{name}", which was left out, is an input.', after=entry["type"])
        else:
            yield Change("added", name, f'The column "{name}" ({entry["type"]}) is new.', after=entry["type"])


def _compare(before: dict[str, Any], after: dict[str, Any], rows: tuple[int, int]) -> Iterator[Change]:
    """The changes of an input that both have."""
    name = after["name"]
    if before["type"] != after["type"]:
        detail = f'"{name}" was a {before["type"]} and is a {after["type"]}.'
        yield Change("type_changed", name, detail, before["type"], after["type"])
        return
    if before.get("shape") != after.get("shape"):
        detail = f'The shape of "{name}" was {before.get("shape")} and is {after.get("shape")}.'
        yield Change("shape_changed", name, detail, before.get("shape"), after.get("shape"))
    if before.get("unit") != after.get("unit"):
        was, now = (f'"{unit}"' if unit else "none" for unit in (before.get("unit"), after.get("unit")))
        yield Change(
            "unit_changed", name, f'The unit of "{name}" was {was} and is {now}.', *_pair(before, after, "unit")
        )
    yield from _compare_missing(before, after, rows)
    if after["type"] == "category":
        yield from _compare_names(before, after, "categories", name)
    yield from _compare_numbers(before, after)


def _pair(before: dict[str, Any], after: dict[str, Any], member: str) -> tuple[Any, Any]:
    return before.get(member), after.get(member)


def _compare_missing(before: dict[str, Any], after: dict[str, Any], rows: tuple[int, int]) -> Iterator[Change]:
    was, now = before.get("missing", 0) / max(1, rows[0]), after.get("missing", 0) / max(1, rows[1])
    if _differ(was, now, MOVED_SHARE) or (was == 0) != (now == 0):
        detail = f'The share of missing values in "{after["name"]}" was {_percent(was)} and is {_percent(now)}.'
        yield Change("missing", after["name"], detail, was, now)


def _compare_names(before: dict[str, Any], after: dict[str, Any], member: str, column: str) -> Iterator[Change]:
    """New and vanished categories or classes."""
    known, found = _counts(before, member), _counts(after, member)
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


def _counts(entry: dict[str, Any], member: str) -> dict[str, int]:
    """The rows of each category or class that has any."""
    pairs = zip(entry.get(member) or (), entry.get("counts") or (), strict=True)
    return {_text(name): count for name, count in pairs if count}


def _text(name: Any) -> str:
    return str(name).lower() if isinstance(name, bool) else str(name)


def _name(counts: dict[str, int]) -> str:
    named = [f'"{name}" ({count_of(count, "row")})' for name, count in islice(counts.items(), NAMED)]
    return ", ".join(named) + (f" and {len(counts) - NAMED:,} more" if len(counts) > NAMED else "")


def _compare_numbers(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """How mean and range of numbers have moved; of dates only the range."""
    name, bounds = after["name"], [(entry.get("min"), entry.get("max")) for entry in (before, after)]
    (lowest, highest), (now_lowest, now_highest) = bounds
    if before.get("mean") is not None and after.get("mean") is not None:
        was, now, spread = before["mean"], after["mean"], before.get("std") or 0
        if now != was and abs(now - was) >= MOVED_MEAN * spread:
            yield Change("mean", name, f'The mean of "{name}" was {was:,.6g} and is {now:,.6g}.', was, now)
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


def _compare_targets(before: dict[str, Any], after: dict[str, Any], rows: tuple[int, int]) -> Iterator[Change]:
    name = after["name"]
    if before["name"] != name:
        yield Change("renamed", name, f'The target was "{before["name"]}" and is "{name}".', before["name"], name)
    if before["type"] != after["type"]:
        detail = f'The target "{name}" was a {before["type"]} and is a {after["type"]}.'
        yield Change("type_changed", name, detail, before["type"], after["type"])
        return
    positive = before.get("positive_class"), after.get("positive_class")
    if positive[0] != positive[1] and None not in positive:
        detail = f'The positive class of "{name}" was "{_text(positive[0])}" and is "{_text(positive[1])}".'
        yield Change("positive_class", name, detail, *positive)
    if after["type"] == "number":
        yield from _compare_numbers(before, after)
        return
    yield from _compare_names(before, after, "classes", name)
    was, now = ({key: count / max(1, of) for key, count in _counts(one, "classes").items()}
                for one, of in zip((before, after), rows, strict=True))  # fmt: skip
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
