"""The classes of an imported network: what the client says, checked against the number of its outputs."""

from typing import Any

from models.errors import Fault, InvalidSpec
from models.spec import Task
from models.targets import class_name

LONGEST_CLASS = 256


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
    if len(given) != count:
        detail = f"The network has {count} classes, but `classes` has {len(given)}."
        raise InvalidSpec(Fault(detail, "#/classes"))
    for place, label in enumerate(given):
        if not isinstance(label, str | int | float) or (isinstance(label, str) and len(label) > LONGEST_CLASS):
            detail = f"A class must be a text of at most {LONGEST_CLASS} characters, a number, true or false."
            raise InvalidSpec(Fault(detail, f"#/classes/{place}"))
        if class_name(label) in map(class_name, given[:place]):
            raise InvalidSpec(Fault(f"The class `{str(label)[:64]}` is listed twice.", f"#/classes/{place}"))
    if len({type(label) for label in given}) > 1:
        raise InvalidSpec(Fault("Classes must be all texts or all numbers.", "#/classes"))
    return list(given), ()
