"""Imports TensorFlow, before the fork server's other modules, without what its C++ code prints to standard error.

The C++ code prints these lines before it applies its log level. Python's exceptions are raised as usual. Garbage isn't
collected meanwhile, which would take a fifth of the time: almost everything that an import makes stays.
"""

import contextlib
import gc
import importlib
import os
from collections.abc import Iterator

IMPORTS_TENSORFLOW = "models.building"
"""A module that imports TensorFlow."""


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard everything that is written to file descriptor 2 inside the block."""
    original = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)


gc.disable()
try:
    with silent_stderr():
        importlib.import_module(IMPORTS_TENSORFLOW)
finally:
    gc.enable()
