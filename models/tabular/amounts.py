"""Recognises columns of amounts: numbers with a currency, a percent sign, a unit, or a power of ten, as in `1.5k`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from models.values.numbers import (
    CURRENCIES,
    LONGEST_AMOUNT,
    NUMBER,
    POWERS,
    POWERS_OF_MONEY,
    WITH_APOSTROPHE,
    WITH_COMMA,
    WITH_POINT,
    WITH_SPACE_AND_COMMA,
    WITH_SPACE_AND_POINT,
    NumberFormat,
    ignores_case,
    normalize_amount,
    unit_stem,
)

FIRST_CELLS = 20
"""Most columns of texts show in a few cells that they don't hold amounts."""
MOSTLY = 0.9
"""The share of the cells that must be amounts for a column to be one of amounts."""
WITH_UNIT = 0.5
"""The share of the amounts that must have the unit; the others may lack it."""
LONGEST_UNIT = 20
UNIT_WORDS = 3
VARIED = 10
"""An unknown unit needs this many distinct numbers, or decimals: `4 doors` is rather a category."""
UNITS = frozenset((
    "%", "‰", "°", "°C", "°F", "mm", "cm", "m", "km", "in", "inch", "inches", "ft", "feet", "foot", "yd", "yards",
    "mi", "mile", "miles", "µm", "mm²", "cm²", "m²", "km²", "m2", "km2", "ft²", "ft2", "sqft", "sqm", "ha", "acre",
    "acres", "ml", "cl", "dl", "l", "L", "liter", "liters", "litre", "litres", "gal", "gallons", "oz", "cc", "cm³",
    "m³", "m3", "mg", "g", "kg", "t", "lb", "lbs", "tons", "tonnes", "ms", "sec", "seconds", "min", "mins",
    "minutes", "h", "hr", "hrs", "hour", "hours", "day", "days", "week", "weeks", "month", "months", "year", "years",
    "yr", "yrs", "km/h", "mph", "kph", "m/s", "knots", "W", "kW", "MW", "GW", "hp", "PS", "bhp", "Wh", "kWh", "MWh",
    "mA", "mAh", "Ah", "Ω", "KB", "kB", "MB", "GB", "TB", "Hz", "kHz", "MHz", "GHz", "fps", "px", "dpi", "Pa", "kPa",
    "hPa", "bar", "mbar", "psi", "mpg", "cal", "kcal", "J", "kJ", "ppm", "ppb", "rpm", "bpm", "Nm", "dB", "mg/dL",
    "mmol/L", "mmHg", "pts", "points", "pcs", "sq ft", "sq m", "sq. ft.", "sq.ft.", "sq. m", "l/100 km", "l/100km",
    "L/100km", "fl oz",
))  # fmt: skip
KNOWN = frozenset(unit.casefold() for unit in UNITS | CURRENCIES)
SEPARATORS = ".,'’"
STYLES = {
    ".": (WITH_POINT, WITH_SPACE_AND_POINT, WITH_APOSTROPHE),
    ",": (WITH_COMMA, WITH_SPACE_AND_COMMA),
}


@dataclass(frozen=True)
class Amount:
    """A text that may be an amount: its parts, as they are written."""

    number: str
    power: str
    unit: str
    before: bool
    """Whether the unit precedes the number."""
    spaced: bool
    """Whether a space separates the unit and the number."""
    enclosed: bool
    """Whether the amount is in parentheses."""


@dataclass(frozen=True)
class Amounts:
    """A column of amounts."""

    written: NumberFormat
    kind: str
    """`money`, `percent`, `unit`, or `amount` without a unit."""


class UnclearUnits(Exception):
    """The amounts of a column have several units, or one that may not be a unit; the message is a sentence."""

    def __init__(self, type_: str, detail: str) -> None:
        super().__init__(f"{detail} It is read as text.")
        self.type = type_


def find_amounts(texts: Sequence[str], decimal: str, *, fixed: bool, declared: bool) -> Amounts | None:
    """What the amounts in a sample of a column have in common; None if it isn't a column of amounts.

    `decimal` is the decimal separator of the file, `fixed` if the client gave it. If the client `declared` the column
    as one of numbers, any unit is accepted. Raises UnclearUnits, if it didn't.
    """
    parts = [split_amount(text) for text in texts]
    amounts = [amount for amount in parts if amount is not None]
    if not amounts or not (declared or _are_amounts(parts)):
        return None
    if not any(amount.unit or amount.power or amount.enclosed for amount in amounts):
        return None
    with_unit = [amount for amount in amounts if amount.unit]
    unit = _find_unit(with_unit, declared)
    if unit == "":
        return None
    if unit is not None and not declared:
        _check_unit(unit, with_unit, amounts)
    written = _find_style([amount.number for amount in amounts], decimal, fixed, unit in CURRENCIES)
    powers = Counter(amount.power for amount in amounts if amount.power).most_common(1)
    before, spaced = (
        2 * sum(getattr(one, name) for one in with_unit) > len(with_unit) for name in ("before", "spaced")
    )
    power = powers[0][0] if powers else ""
    kind = "amount" if unit is None else "money" if unit in CURRENCIES else "percent" if unit == "%" else "unit"
    return Amounts(written.with_unit(unit, before=before, spaced=spaced, power=power), kind)


def may_be_amounts(texts: Sequence[str]) -> bool:
    """Whether the first texts of a column look like numbers or amounts."""
    return _are_amounts([split_amount(text) for text in texts[:FIRST_CELLS]])


def split_amount(text: str) -> Amount | None:
    """The parts of a text that may be an amount; None if it can't be one."""
    text = normalize_amount(text)
    if len(text) > LONGEST_AMOUNT:
        return None
    enclosed = text.startswith("(") and text.endswith(")")
    if enclosed:
        text = text[1:-1].strip()
    start = next((place for place, character in enumerate(text) if character in "0123456789"), None)
    if start is None:
        return None
    before = text[:start].strip("+- ")
    if before.endswith((".", ",")) and before not in CURRENCIES:
        start, before = start - 1, before[:-1].strip("+- ")
    end = _find_end(text, start)
    after = text[end:].strip()
    money = before in CURRENCIES or after.rpartition(" ")[2] in CURRENCIES or after[-1:] in CURRENCIES
    power, after = _split_power(after, money, spaced=text[end : end + 1] == " ")
    if (before and (before not in CURRENCIES or after)) or not _may_be_unit(after):
        return None
    spaced = text[start - 1 : start] == " " if before else text[end : end + 1] == " "
    return Amount(text[start:end], power, before or after, bool(before), spaced, enclosed)


def _find_end(text: str, start: int) -> int:
    """The end of the number: a space belongs to it only before three more digits."""
    end = start
    while end < len(text):
        group = text[end + 1 : end + 4]
        thousands = (
            text[end] == " " and len(group) == 3 and group.isdecimal() and not text[end + 4 : end + 5].isdecimal()
        )
        if not (text[end].isdecimal() or text[end] in SEPARATORS or thousands):
            break
        end += 1
    return end


def _split_power(after: str, money: bool, *, spaced: bool) -> tuple[str, str]:
    """The power of ten at the start of what follows a number, and the rest. A single letter after a space is a unit."""
    powers = POWERS_OF_MONEY if money else POWERS
    for word in sorted(powers, key=len, reverse=True):
        rest = after.removeprefix(word)
        if rest != after and not rest[:1].isalpha() and (money or not spaced or len(word) > 1):
            return word, rest.strip()
    return "", after


def _may_be_unit(text: str) -> bool:
    if not text or text.casefold() in KNOWN:
        return True
    plausible = len(text) <= LONGEST_UNIT and text.count(" ") < UNIT_WORDS and (text[0].isalpha() or text[0] in "%‰°/")
    return plausible and not any(character.isdecimal() or character in "+:;,()" for character in text)


def _are_amounts(parts: Sequence[Amount | None]) -> bool:
    return sum(part is not None for part in parts) >= MOSTLY * len(parts)


def _find_unit(amounts: Sequence[Amount], declared: bool) -> str | None:
    """The unit in its most frequent spelling; None if there is none, empty if there are several, such as the letters of
    house numbers. Raises UnclearUnits, unless the column is `declared` as one of numbers."""
    spellings: dict[str, Counter[str]] = {}
    for unit, count in Counter(amount.unit for amount in amounts).items():
        stem = unit_stem(unit)
        spellings.setdefault(stem.casefold() if ignores_case(unit) else stem, Counter())[unit] = count
    if len(spellings) > 1 and not declared:
        units = [(found.most_common(1)[0][0], found.total()) for found in spellings.values()]
        if all(unit.casefold() in KNOWN for unit, _ in units):
            listed = ", ".join(f'"{unit}" ({count:,})' for unit, count in units[:VARIED])
            raise UnclearUnits("mixed_units", f"Its numbers have several units: {listed}. Convert them to one.")
        return ""
    most = max(spellings.values(), key=Counter.total, default=None)
    return None if most is None else most.most_common(1)[0][0]


def _check_unit(unit: str, with_unit: Sequence[Amount], amounts: Sequence[Amount]) -> None:
    """Raise UnclearUnits if the unit is rarely there, or may be something else."""
    if len(with_unit) < WITH_UNIT * len(amounts):
        detail = f'Only {len(with_unit):,} of {len(amounts):,} numbers have the unit "{unit}".'
        raise UnclearUnits("mixed_units", detail)
    one_letter = len(unit) == 1 and unit.isalpha() and unit not in "mgl"
    numbers = {amount.number for amount in amounts}
    varied = len(numbers) >= VARIED or any(character in number for number in numbers for character in ".,")
    if not varied and (one_letter or unit.casefold() not in KNOWN):
        detail = f'It has few numbers, each with "{unit}": if they are quantities, set its type to number in "types".'
        raise UnclearUnits("unknown_unit", detail)


def _find_style(numbers: Sequence[str], decimal: str, fixed: bool, money: bool) -> NumberFormat:
    """The format that fits most of the numbers.

    Money has at most two decimals, so that `1.707` has thousands, unless the client gave the decimal separator.
    """
    other = "," if decimal == "." else "."
    separated = [number for number in numbers if decimal in number]
    thousands = money and bool(separated) and all(STYLES[other][0].is_grouped(number) for number in separated)
    first, second = (other, decimal) if thousands else (decimal, other)
    styles = [*STYLES[first], *STYLES[second]] if not fixed else list(STYLES[decimal])

    def count(style: NumberFormat) -> int:
        return sum(bool((plain := style.plain(number)) and NUMBER.fullmatch(plain)) for number in numbers)

    return max(styles, key=count)
