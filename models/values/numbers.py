"""The number formats that tables use, and parsing them.

A format is named by an example, such as `1.234,5`. The example of an amount also has its unit, such as `$1,234.5`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

LONGEST_AMOUNT = 64
"""Characters of an amount, with single spaces."""
SHORT_UNIT = 2
"""Units of at most this many characters end in no plural s; those of fewer have no plural."""
PREFIXED_UNIT = 3
"""Characters of a unit that may begin with a prefix of the SI, in which m isn't M."""
CURRENCIES = frozenset((
    "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₴", "₫", "₪", "₱", "฿", "₦", "₡", "US$", "A$", "C$", "NZ$", "HK$", "S$",
    "R$", "Fr.", "Fr", "SFr.", "kr", "kr.", "Kč", "zł", "Ft", "lei", "Rs", "Rs.", "USD", "EUR", "GBP", "CHF", "JPY",
    "CNY", "RMB", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BRL", "MXN", "ZAR",
    "SGD", "HKD", "KRW", "TRY", "RUB", "AED", "SAR", "ILS", "THB",
))  # fmt: skip
POWERS: Mapping[str, int] = {
    "k": 3, "K": 3, "Tsd.": 3, "thousand": 3, "M": 6, "mn": 6, "Mn": 6, "mio": 6, "Mio": 6, "mio.": 6, "Mio.": 6,
    "million": 6, "bn": 9, "Bn": 9, "mrd": 9, "Mrd": 9, "Mrd.": 9, "billion": 9,
}  # fmt: skip
"""What may follow a number, and the power of ten that it stands for."""
POWERS_OF_MONEY: Mapping[str, int] = {**POWERS, "m": 6, "B": 9}
"""For money, which isn't measured in metres or bytes."""


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers."""

    title: str
    """A number in this format; descriptions use it to name the format."""
    decimal: str
    groups: str | None
    """The thousands separators, each a character (None: not grouped)."""
    amount: bool = False
    """Whether a number may have a unit, a power of ten, as in `1.5k`, or parentheses if it is negative."""
    unit: str | None = None
    """The unit of an amount, if it has one."""

    @property
    def grouped(self) -> str:
        """The regular expression, for Python and Polars, of numbers with grouped thousands."""
        return rf"^[+-]?[1-9][0-9]{{0,2}}([{self.groups}][0-9]{{3}})+([{self.decimal}][0-9]*)?$"

    @property
    def powers(self) -> Mapping[str, int]:
        """The powers of ten that an amount may have; the unit is none of them."""
        powers = POWERS_OF_MONEY if self.unit in CURRENCIES else POWERS
        return {word: power for word, power in powers.items() if word != self.unit}

    @property
    def pattern(self) -> str:
        """The regular expression, for Python and Polars, of amounts in which every white space is one space.

        Its groups are the opening parenthesis, the sign before and after the unit, the number, the power of ten and the
        closing parenthesis.
        """
        powers = "|".join(map(re.escape, sorted(self.powers, key=len, reverse=True)))
        before, after = "", f"(?: ?({powers}))?"
        if self.unit is not None:
            unit = _unit_pattern(self.unit)
            # 5 km isn't 5 thousand m
            space = " " if self.unit[0].isalpha() else " ?"
            before, after = f"(?:{unit} ?)?", f"(?: ?({powers})(?:{space}{unit})?| ?{unit})?"
        number = r"([0-9.,](?:[0-9.,'’ ]*[0-9.,])?)"
        return rf"^(\()? ?([+-])? ?{before}([+-])? ?{number}{after} ?(\))?$"

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def is_grouped(self, number: str) -> bool:
        """Whether the number has thousands separators, all of them in the right places."""
        return self._grouped.search(number) is not None

    @cached_property
    def _grouped(self) -> re.Pattern[str]:
        return re.compile(self.grouped)

    def plain(self, text: str) -> str | None:
        """The number with a decimal point and without thousands separators; None if one is misplaced."""
        if self.groups is not None and not self._separators.isdisjoint(text):
            if not self.is_grouped(text):
                return None
            text = "".join(character for character in text if character not in self._separators)
        return text.replace(self.decimal, ".", 1)

    @cached_property
    def _separators(self) -> frozenset[str]:
        return frozenset(self.groups or "")

    def with_unit(self, unit: str | None, *, before: bool, spaced: bool, power: str = "") -> "NumberFormat":
        """The format of amounts, named by an example with the unit at its place."""
        space = " " * spaced
        if unit is None:
            title = f"{self.title}{power}" if power else f"({self.title})"
        else:
            title = f"{unit}{space}{self.title}{power}" if before else f"{self.title}{space}{unit}"
        return replace(self, title=title, amount=True, unit=unit)


WITH_POINT = NumberFormat("1,234.5", ".", ",")
WITH_COMMA = NumberFormat("1.234,5", ",", ".")
WITH_SPACE_AND_COMMA = NumberFormat("1 234,5", ",", " \u00a0\u2009\u202f")
WITH_SPACE_AND_POINT = NumberFormat("1 234.5", ".", " \u00a0\u2009\u202f")
WITH_APOSTROPHE = NumberFormat("1'234.5", ".", "'’")
PLAIN = NumberFormat("1234.5", ".", None)
FORMATS = {
    format_.title: format_
    for format_ in (WITH_POINT, WITH_COMMA, WITH_SPACE_AND_COMMA, WITH_SPACE_AND_POINT, WITH_APOSTROPHE, PLAIN)
}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def unit_stem(unit: str) -> str:
    """A unit without a plural s and a full stop, which some rows may lack."""
    stem = unit.removesuffix(".")
    return stem.removesuffix("s") if len(stem) > SHORT_UNIT else stem


def ignores_case(unit: str) -> bool:
    """Whether the case of a unit's letters has no meaning: a megawatt isn't a milliwatt."""
    return not (len(unit) <= PREFIXED_UNIT and unit[0] in "mM")


def _unit_pattern(unit: str) -> str:
    stem = unit_stem(unit)
    # Rust's regex has no escape for a space
    written = re.escape(stem).replace("\\ ", " ")
    plural = "s?" if len(stem) >= SHORT_UNIT else ""
    return rf"(?{'i' * ignores_case(unit)}:{written}{plural}\.?)"


@lru_cache(1000)
def find_format(title: str) -> NumberFormat:
    """The format of this name."""
    if title in FORMATS:
        return FORMATS[title]
    number = next(known for known in FORMATS if known in title)
    before, _, after = title.partition(number)
    unit = before.strip() or after.strip()
    if before.strip() == "(" or (not before and after in POWERS):
        unit = ""
    return replace(FORMATS[number], title=title, amount=True, unit=unit or None)


def read_number(text: str, format_: str | None) -> float | None:
    """Parse a number in the format of a column's rows; None if it isn't one.

    Without a format both a decimal point and a decimal comma are accepted.
    """
    if format_ is None:
        return _read_either(text)
    written = find_format(format_)
    plain = written.plain(text)
    if plain is not None and NUMBER.fullmatch(plain):
        return float(plain)
    return _read_amount(text, written) if written.amount else None


def _read_amount(text: str, written: NumberFormat) -> float | None:
    if len(text) > LONGEST_AMOUNT:
        return None
    found = written.compiled.search(normalize_amount(text))
    if found is None:
        return None
    opening, before, after, number, power, closing = found.groups()
    plain = written.plain(number)
    signs = [sign for sign in (opening, before, after) if sign]
    if plain is None or len(signs) > 1 or bool(opening) != bool(closing) or not NUMBER.fullmatch(plain):
        return None
    size = float(f"{plain}e{written.powers.get(power or '', 0)}")
    return -size if signs and signs[0] in "-(" else size


def normalize_amount(text: str) -> str:
    """The text with single spaces and plain minus signs."""
    return " ".join(text.split()).replace("\u2212", "-")


def _read_either(text: str) -> float | None:
    for candidate in (text, text.replace(",", ".")):
        try:
            number = float(candidate) if "_" not in candidate else math.nan
        except ValueError:
            continue
        return None if math.isnan(number) else number
    return None
