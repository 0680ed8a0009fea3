"""Dates and times as tables write them: the forms that are recognised, and reading one of them.

A time zone is turned into UTC and then left out.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

ISO_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
)  # fmt: skip
ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
DAY_FORMATS = (
    "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
)  # fmt: skip
"""Where the day can't be told from the month in any row, the month comes first between slashes."""
TIMES = ("", " %H:%M", " %H:%M:%S")
FORMATS = (*ISO_FORMATS, *ZONED_FORMATS, *(day + time for day in DAY_FORMATS for time in TIMES))
"""As Polars has them, in the order in which they are tried."""

ISO = "ISO 8601"


def format_title(format_: str) -> str:
    """What a dataset's description calls the format."""
    return ISO if format_ in (*ISO_FORMATS, *ZONED_FORMATS) else format_


def read_date(text: str, format_: str | None) -> np.datetime64 | None:
    """A date in ISO 8601, or in the format that a column's training rows had; None if it is neither."""
    text = text.strip()
    for parse in (_parse_with(format_), datetime.fromisoformat):
        try:
            moment = parse(text)
            moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            continue
        return np.datetime64(moment, "us")
    return None


def _parse_with(format_: str | None) -> Callable[[str], datetime]:
    if format_ is None or format_ == ISO:
        return datetime.fromisoformat
    return lambda text: datetime.strptime(text, format_)


def write_dates(values: np.ndarray) -> list[str]:
    """Moments as ISO 8601, as short as they can be: without a time where it is midnight."""
    texts = np.datetime_as_string(values.astype("datetime64[us]"), unit="us").tolist()
    return [_shorten(text) for text in texts]


def _shorten(text: str) -> str:
    if text.endswith(".000000"):
        text = text[: -len(".000000")]
    return text.removesuffix("T00:00:00")
