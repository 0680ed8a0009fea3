"""The classes of an imported network: what the client says, checked against the number of its outputs."""

from typing import Any

from models.errors import Fault, InvalidSpec
from models.spec import Task
from models.targets import class_name

LONGEST_CLASS = 256
LARGEST_INTEGER = 2**53
"""The magnitude up to which every JSON reader keeps an integer exactly."""


def describe_classes(task: Task, outputs: int, given: list[Any] | None) -> tuple[list[Any] | None, tuple[str, ...]]:
    """The classes in the order of the outputs (None for a regression), and notes about them.

    Raises InvalidSpec at `#/classes`.
    """
    if task is Task.REGRESSION:
        if given is not None:
            detail = "The network is a regression, which has no classes: omit them, or send another `task`."
            raise InvalidSpec(Fault(detail, "#/classes"))
        return None, ()
    count = 2 if task is Task.BINARY else outputs
    if given is None:
        return list(range(count)), (f"The classes are called 0 to {count - 1}; send `classes` to name them.",)
    check_classes(given, count)
    return list(given), ()


def check_classes(classes: list[Any], count: int) -> None:
    """Raise InvalidSpec at `#/classes` unless these can be the classes of so many outputs."""
    if len(classes) != count:
        detail = f"The network has {count} classes, but `classes` has {len(classes)}."
        raise InvalidSpec(Fault(detail, "#/classes"))
    known: set[str] = set()
    for place, label in enumerate(classes):
        if not _can_be_class(label):
            detail = f"A class must be a text of 1 to {LONGEST_CLASS} characters without U+0000, a number or a boolean."
            raise InvalidSpec(Fault(detail, f"#/classes/{place}"))
        if class_name(label) in known:
            shown = str(label)[:64] if str(label).isprintable() else ascii(label)[:64]
            raise InvalidSpec(Fault(f"The class `{shown}` is listed twice.", f"#/classes/{place}"))
        known.add(class_name(label))
    if len({float if type(label) is int else type(label) for label in classes}) > 1:
        raise InvalidSpec(Fault("Classes must be all texts, all numbers or all booleans.", "#/classes"))


def _can_be_class(label: Any) -> bool:
    if isinstance(label, str):
        return 0 < len(label) <= LONGEST_CLASS and "\0" not in label
    return isinstance(label, float) or (isinstance(label, int) and abs(label) <= LARGEST_INTEGER)
