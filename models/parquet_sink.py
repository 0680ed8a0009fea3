"""Lets Polars write Parquet into a file without losing why a write failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any


@contextmanager
def parquet_sink(file: IO[bytes]) -> Iterator[Any]:
    """What Polars writes in the block, it writes into the file. Raises OSError if the file can't be written.

    Polars hides that error in one of its own: of a full disk it may say no more than `transport error`.
    """
    sink = _Sink(file)
    try:
        yield sink
    except Exception:
        if sink.error is None:
            raise
    if sink.error is not None:
        raise sink.error


class _Sink:
    """What Polars needs of a file, except its descriptor, to which it would write directly."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Does nothing: whoever opened the file flushes it."""
