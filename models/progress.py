"""How long-running work reports its progress."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the fraction that is done, from 0 to 1."""
