"""The options of a table: its CSV dialect, the types of its columns, columns to ignore, and windows."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from models.datasets.tables.window_options import check_window, find_named_columns
from models.errors import MOST_FAULTS, Fault
from models.suggestions import unknown_name
from models.tabular.reading import TYPES
from models.values.encodings import ENCODINGS, find_codec
from models.values.pointers import pointer_to
from models.values.tensors import name_type

MAX_WORDS = 100


def check_table_options(request: dict[str, Any]) -> list[Fault]:
    """The faults of `csv`, `types`, `ignore` and `window` that can be found without the table."""
    checks: dict[str, Callable[[Any], Iterator[Fault]]] = {
        "csv": _check_csv, "types": _check_types, "ignore": _check_ignore, "window": check_window,
    }  # fmt: skip
    given = (name for name in checks if request.get(name) is not None)
    return list(islice((fault for name in given for fault in checks[name](request[name])), MOST_FAULTS))


def check_columns(request: dict[str, Any], columns: tuple[str, ...]) -> list[Fault]:
    """The faults of options that name unknown columns."""
    split = request.get("split") or {}
    named: list[tuple[Any, tuple[str | int, ...]]] = [(name, ("types", name)) for name in request.get("types") or {}]
    named += [(name, ("ignore", number)) for number, name in enumerate(request.get("ignore") or ())]
    named += [(split[name], ("split", name)) for name in ("column", "time_column") if split.get(name) is not None]
    group = split.get("group") or []
    named += (
        [(group, ("split", "group"))]
        if isinstance(group, str)
        else [(name, ("split", "group", number)) for number, name in enumerate(group)]
    )
    named += [(name, ("window", *place)) for name, place in find_named_columns(request.get("window") or {})]
    unknown = islice(((name, tokens) for name, tokens in named if name not in columns), MOST_FAULTS)
    return [unknown_name(name, columns, pointer_to(*tokens), "column") for name, tokens in unknown]


def _check_csv(options: Any) -> Iterator[Fault]:
    if not isinstance(options, dict):
        yield Fault(f'"csv" must be an object, not {name_type(options)}.', pointer_to("csv"))
        return
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "delimiter": (_is_delimiter, "must be a single ASCII character, such as a comma or a tab"),
        "encoding": (_is_encoding, f"must be one of {', '.join(ENCODINGS)}"),
        "decimal": (lambda value: value in (".", ","), "must be a point or a comma"),
        "header": (lambda value: isinstance(value, bool), "must be true or false"),
        "missing": (_are_words, f'must be a list of at most {MAX_WORDS} texts for missing values, such as "none"'),
    }
    for name, value in options.items():
        pointer = pointer_to("csv", name)
        if name not in rules:
            yield unknown_name(name, tuple(rules), pointer, "option of CSV")
        elif value is not None and not rules[name][0](value):
            yield Fault(f'"{name}" {rules[name][1]}.', pointer)
    if options.get("decimal") == "," and options.get("delimiter") == ",":
        yield Fault("The comma can't be both the delimiter and the decimal separator.", pointer_to("csv", "decimal"))


def _is_delimiter(value: Any) -> bool:
    plain = isinstance(value, str) and len(value) == 1 and value.isascii()
    return plain and not value.isalnum() and value not in "\r\n\0\"'.+-_"


def _is_encoding(value: Any) -> bool:
    return isinstance(value, str) and find_codec(value) is not None


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_WORDS and all(isinstance(word, str) for word in value)


def _check_types(types: Any) -> Iterator[Fault]:
    if not isinstance(types, dict):
        yield Fault(f'"types" must be an object of types by column, not {name_type(types)}.', pointer_to("types"))
        return
    for column, type_ in types.items():
        if type_ not in TYPES:
            yield unknown_name(str(type_), TYPES, pointer_to("types", column), "type of column")


def _check_ignore(columns: Any) -> Iterator[Fault]:
    if not isinstance(columns, list):
        yield Fault('"ignore" must be a list of column names.', pointer_to("ignore"))
        return
    for number, column in enumerate(columns):
        if not isinstance(column, str):
            yield Fault(f"Expected the name of a column, not {name_type(column)}.", pointer_to("ignore", number))
