"""How work that takes a while tells how far it is."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Is called with the share that is done, from 0 to 1."""
