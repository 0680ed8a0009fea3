"""Writes values and calls as Python source with lines of limited length."""

import keyword
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

WIDTH = 100
"""The longest line, if it can be broken."""
INDENT = 4


@dataclass(frozen=True)
class Code:
    """An expression, as it is written."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call: the function, its positional arguments, and those by name."""

    function: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] | None = None


def render(value: Any, indent: int = 0, used: int = 0) -> str:
    """A value of JSON, a tuple, or a call as an expression; later lines are indented by at least `indent` spaces.

    `used` are the characters that the first line has before the expression, and after it.
    """
    flat = _flat(value)
    if isinstance(value, str | Code) or len(flat) + indent + used <= WIDTH:
        return flat
    inner = indent + INDENT
    pad, end = " " * inner, " " * indent
    if isinstance(value, Call):
        parts = [render(one, inner, 1) for one in value.positional]
        parts += [f"{name}={render(one, inner, len(name) + 2)}" for name, one in (value.named or {}).items()]
        if len(parts) == 1 and value.positional:
            return f"{value.function}(\n{pad}{parts[0]}\n{end})"
        return f"{value.function}(\n{_lines(parts, pad)}{end})" if parts else flat
    if isinstance(value, Mapping):
        entries = [(f"{_flat(name)}: ", one) for name, one in value.items()]
        return f"{{\n{_lines([name + render(one, inner, len(name) + 1) for name, one in entries], pad)}{end}}}"
    if isinstance(value, list | tuple) and value:
        begin, close = "[]" if isinstance(value, list) else "()"
        if not any(isinstance(one, list | tuple | Mapping | Call) for one in value):
            filled = textwrap.fill(
                ", ".join(map(_flat, value)) + ",", WIDTH, initial_indent=pad, subsequent_indent=pad,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
            if not any(isinstance(one, str) for one in value):  # filling would join the spaces inside of texts
                return f"{begin}\n{filled}\n{end}{close}"
        return f"{begin}\n{_lines([render(one, inner, 1) for one in value], pad)}{end}{close}"
    return flat


def assign(name: str, value: Any) -> str:
    """The assignment of a value to a variable."""
    return f"{name} = {render(value, used=len(name) + 3)}"


def _lines(parts: list[str], pad: str) -> str:
    return "".join(f"{pad}{part},\n" for part in parts)


def _flat(value: Any) -> str:
    """The expression on one line."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, Call):
        parts = [_flat(one) for one in value.positional]
        parts += [f"{name}={_flat(one)}" for name, one in (value.named or {}).items()]
        return f"{value.function}({', '.join(parts)})"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flat(name)}: {_flat(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_flat, value)) + (",)" if len(value) == 1 else ")")
    return repr(value)


def _text(value: str) -> str:
    """A string literal in double quotes."""
    literal = repr(value)
    if literal.startswith("'"):
        literal = '"' + literal[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return literal


def identifiers(names: Collection[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """A variable for each name, all different and none of the reserved ones."""
    taken = set(reserved)
    found = {}
    for name in names:
        base = re.sub(r"\W", "_", name) or "layer"
        base = f"_{base}" if base[0].isdigit() else base
        found[name] = next(one for one in _numbered(base) if one not in taken and not keyword.iskeyword(one))
        taken.add(found[name])
    return found


def _numbered(base: str) -> Iterator[str]:
    return (f"{base}_{number}" if number else base for number in count())
