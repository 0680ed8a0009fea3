"""Identifiers that sort by creation time."""

import secrets
import time


def new_identifier(prefix: str) -> str:
    """For example `tj_0019aa5d2f2b7c31e9c1f2aa`."""
    return f"{prefix}_{new_sortable_id()}"


def new_sortable_id() -> str:
    """24 hexadecimal digits: microseconds since 1970 and 40 random bits."""
    return f"{time.time_ns() // 1000:014x}{secrets.token_hex(5)}"
