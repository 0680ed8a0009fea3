"""Operations that the front answers: Flask has their routes for the documentation, and to refuse other methods."""

from typing import Any, NoReturn

from flask import request


def never_called(*_: Any, **__: Any) -> NoReturn:
    """Stand for the handler of such an operation. Raises RuntimeError: its requests don't get as far as Flask."""
    raise RuntimeError(f"{request.method} {request.path} should have been answered by the front.")
