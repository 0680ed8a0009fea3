"""Imports TensorFlow, as the fork server's first, without the lines that its C++ prints to standard error meanwhile.

They appear before its own log levels are heeded. Whatever Python raises is raised all the same.
"""

import contextlib
import importlib
import os
from collections.abc import Iterator

LOUD = "models.building"
"""The module that TensorFlow comes with."""


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Let whatever is written to file descriptor 2 vanish for a while."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with silent_stderr():
    importlib.import_module(LOUD)
