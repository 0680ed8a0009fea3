"""Rate limits as the operator writes them: `predict=6000/minute,write=600/minute`."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from models.suggestions import nearest

if TYPE_CHECKING:
    from limits import RateLimitItem

PREDICT, READ, WRITE = CLASSES = ("predict", "read", "write")
"""The classes of requests, each of which has a limit of its own."""
MOST_REQUESTS = 10_000_000
"""The requests of a window at most."""
MEMORY, DATABASE, REDIS_SCHEMES = "memory", "database", ("redis://", "rediss://")
"""Where the requests are counted."""


def parse_rates(text: str) -> dict[str, "RateLimitItem"]:
    """The limits by class. Raises ValueError with a sentence that says what would be valid."""
    rates: dict[str, RateLimitItem] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, rate = (piece.strip() for piece in part.partition("="))
        if name not in CLASSES:
            suggestion = nearest(name, CLASSES)
            hint = f' Did you mean "{suggestion}"?' if suggestion else ""
            raise ValueError(f'"{part}" must begin with predict=, read= or write=.{hint}')
        if name in rates:
            raise ValueError(f'"{name}" has two limits.')
        rates[name] = _parse_rate(name, rate)
    return rates


def check_storage(storage: str) -> None:
    """Raises ValueError with a sentence that says what would be valid."""
    if storage in (MEMORY, DATABASE):
        return
    if not storage.startswith(REDIS_SCHEMES):
        raise ValueError(f"It must be {MEMORY} or {DATABASE}, or begin with {' or '.join(REDIS_SCHEMES)}.")
    if find_spec("redis") is None:
        raise ValueError("Redis needs the extra redis, which isn't installed: pip install 'fitserve[redis]'.")


def _parse_rate(name: str, rate: str) -> "RateLimitItem":
    # Only now: importing it takes 0.1 s, and most commands have no limits.
    from limits import parse

    try:
        parsed = parse(rate)
    except ValueError:
        raise ValueError(f'"{name}={rate}" must be a rate, such as {name}=600/minute.') from None
    if not 1 <= parsed.amount <= MOST_REQUESTS:
        raise ValueError(f'"{name}={rate}" must allow between 1 and {MOST_REQUESTS:,} requests.')
    parsed.namespace = name
    return parsed
