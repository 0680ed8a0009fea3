"""Identifiers that sort by creation time."""

import secrets
import time


def new_identifier(prefix: str) -> str:
    """For example `tj_0019aa5d2f2b7c31e9c1f2aa`: microseconds since 1970 and 40 random bits, both in hexadecimal."""
    return f"{prefix}_{time.time_ns() // 1000:014x}{secrets.token_hex(5)}"
