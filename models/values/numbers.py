"""The number formats that tables use, and parsing them."""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers: the decimal separator and the thousands separator (None: not grouped)."""

    title: str
    """A number in this format; descriptions use it to name the format."""
    decimal: str
    group: str | None

    @property
    def grouped(self) -> str:
        """The regular expression, for Python and Polars, of numbers with grouped thousands."""
        group, decimal = re.escape(self.group or ""), re.escape(self.decimal)
        return rf"^[+-]?[1-9][0-9]{{0,2}}({group}[0-9]{{3}})+({decimal}[0-9]*)?$"


WITH_POINT = NumberFormat("1,234.5", ".", ",")
WITH_COMMA = NumberFormat("1.234,5", ",", ".")
PLAIN = NumberFormat("1234.5", ".", None)
FORMATS = {format_.title: format_ for format_ in (WITH_POINT, WITH_COMMA, PLAIN)}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(text: str, format_: str | None) -> float | None:
    """Parse a number in the format of a column's rows; None if it isn't one.

    Without a format both a decimal point and a decimal comma are accepted.
    """
    if format_ is None:
        return _read_either(text)
    written = FORMATS[format_]
    if written.group is not None:
        if re.search(written.grouped, text):
            text = text.replace(written.group, "")
        elif written.group in text:
            return None
    text = text.replace(written.decimal, ".", 1)
    return float(text) if NUMBER.fullmatch(text) else None


def _read_either(text: str) -> float | None:
    for candidate in (text, text.replace(",", ".")):
        try:
            number = float(candidate) if "_" not in candidate else math.nan
        except ValueError:
            continue
        return None if math.isnan(number) else number
    return None
