"""Polars expressions that parse texts in a format; a text in another format becomes null."""

from typing import TYPE_CHECKING

from models.values.dates import LONGEST_DATE
from models.values.numbers import LONGEST_AMOUNT, NumberFormat

if TYPE_CHECKING:
    import polars

SHORT_YEAR = r"^([0-9]{1,2}[./]\s*){2}[0-9]{1,2}([0-9\s]|$)"


def to_number(texts: "polars.Expr", written: NumberFormat) -> "polars.Expr":
    """Parse numbers whose thousands may be grouped; a misplaced thousands separator makes a text invalid."""
    return _to_amount(texts, written) if written.amount else to_plain(texts, written)


def to_plain(texts: "polars.Expr", written: NumberFormat, exponent: "polars.Expr | None" = None) -> "polars.Expr":
    """Parse numbers without units, times a power of ten whose exponent is text."""
    import polars

    assert written.groups is not None
    separator = f"[{written.groups}]"
    ungrouped = polars.when(texts.str.contains(written.grouped)).then(texts.str.replace_all(separator, ""))
    plain = ungrouped.when(texts.str.contains(separator)).then(None).otherwise(texts)
    plain = plain.str.replace(written.decimal, ".", literal=True)
    return (plain if exponent is None else plain + "e" + exponent).cast(polars.Float64, strict=False)


def _to_amount(texts: "polars.Expr", written: NumberFormat) -> "polars.Expr":
    import polars

    plain = texts.str.strip_chars().str.replace_all(r"\s+", " ").str.replace_all("\u2212", "-", literal=True)
    short = polars.when(plain.str.len_chars() <= LONGEST_AMOUNT).then(plain)
    found = short.str.extract_groups(written.pattern).struct
    opening, before, after, number, power, closing = (found.field(str(place)) for place in range(1, 7))
    exponents = {word: str(exponent) for word, exponent in written.powers.items()}
    exponent = power.replace_strict(exponents, default="0", return_dtype=polars.String)
    size = to_plain(number, written, exponent)
    signs = sum(
        (part.is_not_null().cast(polars.Int8) for part in (before, after)), opening.is_not_null().cast(polars.Int8)
    )
    negative = opening.is_not_null() | (before == "-").fill_null(False) | (after == "-").fill_null(False)
    valid = (signs <= 1) & (opening.is_null() == closing.is_null())
    return polars.when(valid & negative).then(-size).when(valid).then(size)


def to_moment(texts: "polars.Expr", format_: str) -> "polars.Expr":
    """Parse dates, without their time zone."""
    import polars

    texts = polars.when(texts.str.len_chars() <= LONGEST_DATE).then(texts)
    if "%y" in format_:
        # Polars accepts any character as the second digit of a year
        texts = polars.when(texts.str.contains(SHORT_YEAR)).then(texts)
    return texts.str.to_datetime(format_, time_unit="us", strict=False, exact=True).dt.replace_time_zone(None)
