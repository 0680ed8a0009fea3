"""The date and time formats that tables use, and parsing them.

A time with a time zone is converted to UTC; the zone itself is dropped.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from models.values.tensors import MAX_FAULTS

if TYPE_CHECKING:
    import polars

ISO_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
)  # fmt: skip
ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
DAY_FORMATS = (
    "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
)  # fmt: skip
"""If no row distinguishes day from month, the month comes first between slashes."""
TIMES = ("", " %H:%M", " %H:%M:%S")
FORMATS = (*ISO_FORMATS, *ZONED_FORMATS, *(day + time for day in DAY_FORMATS for time in TIMES))
"""In Polars's notation, in the order in which they are tried."""

WORDS = {
    "%Y": ("year", "2024"), "%y": ("two-digit year", "24"), "%m": ("month", "12"), "%b": ("short month name", "Dec"),
    "%B": ("month name", "December"), "%d": ("day", "31"), "%H": ("hour", "18"), "%M": ("minute", "30"),
    "%S": ("second", "00"),
}  # fmt: skip
"""Directives of DAY_FORMATS and TIMES in words, and their values in an example."""
ISO = "ISO 8601"
LONGEST_DATE = 64
"""Characters of a date. Formats accept any number of spaces and decimals, so longer texts would match too."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
SHORT = 3
"""Letters in the short name of a month."""
FIRST_OF_1900 = 70
"""Two-digit years from this one belong to the 20th century, those below it to the 21st."""
HOURS, LEAP_SECOND = 24, 60
TICKS = {"ms": 10**3, "us": 10**6, "ns": 10**9}
"""Polars's units of time, in units per second."""
EPOCH = date(1970, 1, 1).toordinal()
INT64 = np.iinfo(np.int64)
FIELDS = {
    "%Y": r"\s*+\+?(?P<year>[0-9]{4})",
    "%y": r"\s*+(?P<year_of_century>[0-9]{1,2}+)",
    "%m": r"\s*+(?P<month>[0-9]{1,2}+)",
    "%b": rf"(?P<month_name>{'|'.join(month[:SHORT] for month in MONTHS)})",
    "%B": rf"(?P<month_name>{'|'.join((*MONTHS, *(month[:SHORT] for month in MONTHS)))})",
    "%d": r"\s*+(?P<day>[0-9]{1,2}+)",
    "%H": r"\s*+(?P<hour>[0-9]{1,2}+)",
    "%M": r"\s*+(?P<minute>[0-9]{1,2}+)",
    "%S": r"\s*+(?P<second>[0-9]{1,2}+)",
    "%.f": r"(?:\.(?P<fraction>[0-9]++))?",
    "%#z": r"\s*+(?P<zone>[zZ]|(?P<sign>[+\-\u2212])(?P<zone_hour>[0-9]{2})[:\s]*+(?P<zone_minute>[0-5][0-9])?)",
    " ": r"\s*+",
}
"""What the directives of a format match, as in Polars: leading zeros may be omitted, spaces omitted or repeated.
Repetitions are possessive: the spaces of adjacent directives would otherwise be divided in every possible way."""


def format_title(format_: str) -> str:
    """The name of the format in a dataset's description."""
    return ISO if format_ in (*ISO_FORMATS, *ZONED_FORMATS) else format_


def describe_format(format_: str) -> str:
    """The format in words, with an example."""
    if format_ == ISO:
        return f"{ISO}, such as 2024-12-31"
    words, example = format_, format_
    for directive, (word, value) in WORDS.items():
        words, example = words.replace(directive, word), example.replace(directive, value)
    return f"{words}, such as {example}"


def read_date(text: str, format_: str | None) -> np.datetime64 | None:
    """Parse a date in ISO 8601 or in the format of a column's training rows; None if it is neither.

    A text of more than LONGEST_DATE characters is no date.
    """
    text = text.strip()
    if len(text) > LONGEST_DATE:
        return None
    own = () if format_ in (None, ISO) else (format_,)
    for known in (*own, *ISO_FORMATS, *ZONED_FORMATS):
        found = pattern_of(known).fullmatch(text)
        if found is not None:
            return _to_moment({name: part for name, part in found.groupdict().items() if part is not None})
    try:
        moment = datetime.fromisoformat(text)
        return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "us")
    except (ValueError, OverflowError):
        return None


@lru_cache(len(FORMATS))
def pattern_of(format_: str) -> re.Pattern[str]:
    """The regular expression of the texts in a format."""
    parts = re.findall(r"%\.f|%#z|%.|.", format_)
    return re.compile("".join(FIELDS.get(part, re.escape(part)) for part in parts), re.IGNORECASE)


def _to_moment(parts: dict[str, str]) -> np.datetime64 | None:
    """The point in time that a format's fields give; None if it doesn't exist, such as 30 February."""
    day = (_year(parts), _month(parts), int(parts["day"]))
    # omitted fields are 0; datetime doesn't accept second 60, which becomes the start of the next minute
    hour, minute, second, zone_hour, zone_minute = (
        int(parts.get(name, 0)) for name in ("hour", "minute", "second", "zone_hour", "zone_minute")
    )
    if second > LEAP_SECOND or zone_hour >= HOURS:
        return None
    micros = int(parts.get("fraction", "")[:6].ljust(6, "0"))
    ahead = timedelta(hours=zone_hour, minutes=zone_minute) * (1 if parts.get("sign") == "+" else -1)
    try:
        return np.datetime64(
            datetime(*day, hour, minute) + timedelta(seconds=second, microseconds=micros) - ahead, "us"
        )
    except (ValueError, OverflowError):
        return None


def _year(parts: dict[str, str]) -> int:
    if "year" in parts:
        return int(parts["year"])
    year = int(parts["year_of_century"])
    return year + (2000 if year < FIRST_OF_1900 else 1900)


def _month(parts: dict[str, str]) -> int:
    if "month" in parts:
        return int(parts["month"])
    return 1 + next(place for place, name in enumerate(MONTHS) if name.startswith(parts["month_name"].lower()))


def write_dates(values: np.ndarray) -> list[str]:
    """Write dates as ISO 8601, without the time at midnight."""
    texts = np.datetime_as_string(values.astype("datetime64[us]"), unit="us").tolist()
    return [_shorten(text) for text in texts]


def _shorten(text: str) -> str:
    if text.endswith(".000000"):
        text = text[: -len(".000000")]
    return text.removesuffix("T00:00:00")


def find_unsupported_dates(column: "polars.Series") -> list[int]:
    """The rows, at most MAX_FAULTS, whose dates are beyond the years 1 to 9999; the column is a Date or a Datetime.

    Such dates can't be computed with: Python and Polars's own conversions fail.
    """
    import polars

    a_day = 1 if column.dtype == polars.Date else 86_400 * TICKS[column.dtype.time_unit]  # type: ignore[attr-defined]
    first, last = (day.toordinal() - EPOCH for day in (date.min, date.max))
    ticks = column.to_physical()
    before, after = max(first * a_day, INT64.min), min((last + 1) * a_day - 1, INT64.max)
    return ((ticks < before) | (ticks > after)).arg_true().head(MAX_FAULTS).to_list()


def dates_to_text(column: "polars.Series") -> "polars.Series":
    """Write dates (Datetime in microseconds) as ISO 8601; missing values stay missing."""
    import polars

    present = write_dates(column.drop_nulls().to_numpy())
    texts = iter(present)
    return polars.Series(column.name, [None if missing else next(texts) for missing in column.is_null()], polars.String)
