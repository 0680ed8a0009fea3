"""How the pages show numbers, times and sizes."""

import math
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

__all__ = ["bytes_text", "date", "duration", "number", "query"]
"""What templates can call."""

UNITS = ("bytes", "KB", "MB", "GB", "TB")


def number(value: Any, digits: int = 4) -> str:
    """A number with at most this many significant digits, and with separators; `–` for none."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 <= exponent < 9:
        return f"{value:.{digits - 1}e}"
    decimals = max(digits - 1 - exponent, 0)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bytes_text(value: float | None) -> str:
    """A size with its unit."""
    if value is None:
        return "–"
    unit = 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {UNITS[unit]}" if unit == 0 else f"{value:.3g} {UNITS[unit]}"


def duration(seconds: float | None) -> str:
    """A duration, such as `1.4 s`, `3 min 20 s` or `2 h 5 min`."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def date(value: str | datetime | None) -> Markup:
    """A time in an element that a module turns into the browser's own time zone."""
    if value is None:
        return Markup("–")
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    when = when.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        when.isoformat().replace("+00:00", "Z"), escape(when.strftime("%Y-%m-%d %H:%M:%S UTC"))
    )


def query(**parameters: Any) -> str:
    """A query string of the parameters that aren't None."""
    return urlencode({name: value for name, value in parameters.items() if value is not None})
