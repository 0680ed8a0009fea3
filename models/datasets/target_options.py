"""The options of a dataset's target: which of two classes is the positive one, and what happens to rows without it."""

from itertools import islice
from typing import Any

from models.errors import MOST_FAULTS, Fault, InvalidData
from models.suggestions import nearest, unknown_name
from models.targets import class_name
from models.values.pointers import pointer_to
from models.values.tensors import name_type

MEMBER = "target_options"
OPTIONS = ("positive_class", "missing")
REFUSE, DROP = "refuse", "drop"


def check_target_options(options: object, *, has_table: bool) -> list[Fault]:
    """The faults of a posted `target_options`; `has_table` says whether the source may be a table, which can lack
    targets."""
    if options is None:
        return []
    if not isinstance(options, dict):
        return [Fault(f'"{MEMBER}" must be an object, not {name_type(options)}.', pointer_to(MEMBER))]
    faults = [
        unknown_name(name, OPTIONS, pointer_to(MEMBER, name), "option of a target")
        for name in islice((name for name in options if name not in OPTIONS), MOST_FAULTS)
    ]
    positive, missing = options.get("positive_class"), options.get("missing")
    if isinstance(positive, list | dict):
        detail = f'"positive_class" must be one of the two classes, not {name_type(positive)}.'
        faults.append(Fault(detail, pointer_to(MEMBER, "positive_class")))
    if missing not in (None, REFUSE, DROP):
        detail = f'"missing" must be "{REFUSE}" or "{DROP}".'
        faults.append(Fault(detail, pointer_to(MEMBER, "missing"), allowed=(REFUSE, DROP)))
    elif missing == DROP and not has_table:
        faults.append(Fault("Only rows of a table can lack a target.", pointer_to(MEMBER, "missing")))
    return faults


def drops_missing(request: dict[str, Any]) -> bool:
    """Whether rows without a target are left out; by default they are refused."""
    return (request.get(MEMBER) or {}).get("missing") == DROP


def wanted_positive(request: dict[str, Any]) -> Any:
    """The positive class that the request names; None if it doesn't."""
    return (request.get(MEMBER) or {}).get("positive_class")


def find_positive(classes: list[Any], counts: list[int], wanted: Any) -> Any:
    """The positive class of a target with these classes and their numbers of rows; None unless there are two classes.

    It is the wanted one; by default 1 of 0 and 1, true of false and true, else the class with fewer rows, and of equal
    counts the last. Raises InvalidData if the wanted one isn't a class, or if there are more or fewer than two.
    """
    if wanted is not None:
        return _find_wanted(classes, wanted)
    if len(classes) != 2:
        return None
    if set(classes) == {0, 1}:
        return max(classes)
    return classes[0] if counts[0] < counts[1] else classes[1]


def _find_wanted(classes: list[Any], wanted: Any) -> Any:
    pointer = pointer_to(MEMBER, "positive_class")
    if len(classes) != 2:
        many = f"the target has {len(classes):,} classes" if classes else "the target has no classes"
        raise InvalidData(Fault(f"Only a target with two classes has a positive one, but {many}.", pointer))
    names = {class_name(known): known for known in classes}
    name = class_name(int(wanted) if isinstance(wanted, float) and wanted.is_integer() else wanted)
    if name not in names:
        detail, suggestion = f'"{name[:64]}" isn\'t a class of the target.', nearest(name, names)
        raise InvalidData(Fault(detail, pointer, allowed=tuple(classes), did_you_mean=suggestion))
    return names[name]
