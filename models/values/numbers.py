"""Numbers as tables write them: the formats that are told apart, and reading one of them."""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers: the decimal sign, and what groups thousands (None: they aren't grouped)."""

    title: str
    """A number written so, by which descriptions know the format."""
    decimal: str
    group: str | None

    @property
    def grouped(self) -> str:
        """The pattern, of Python and of Polars alike, of numbers whose thousands are grouped."""
        group, decimal = re.escape(self.group or ""), re.escape(self.decimal)
        return rf"^[+-]?[1-9][0-9]{{0,2}}({group}[0-9]{{3}})+({decimal}[0-9]*)?$"


WITH_POINT = NumberFormat("1,234.5", ".", ",")
WITH_COMMA = NumberFormat("1.234,5", ",", ".")
PLAIN = NumberFormat("1234.5", ".", None)
FORMATS = {format_.title: format_ for format_ in (WITH_POINT, WITH_COMMA, PLAIN)}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(text: str, format_: str | None) -> float | None:
    """A number in the format that a column's rows had, as they were read; None if it is none.

    Without a format it may have a decimal point or comma.
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
