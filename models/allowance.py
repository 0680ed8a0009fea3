"""What a request may become while it is answered: values, rows, pixels, memory and time.

Everything is checked before it is made, because a few bytes can describe gigabytes.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from models.errors import Excessive, TookTooLong
from models.limits import Limits

VALUE_BYTES, CSV_BYTES, CELL_BYTES = 128, 160, 48
"""The memory of a JSON value (half of an object with one number), of a CSV cell with its row, and of a cell of a table
while its column is converted."""
PARSED_BYTES, INPUT_BYTES, OUTPUT_BYTES = 8, 8, 28
"""The memory of a number: of a body, in the network's inputs, in its outputs with the response."""
PIXEL_BYTES = 24
"""The memory of a pixel while an image is decoded. WebP takes the most: two canvases, a copy, and the result."""

DEFAULTS = Limits()


class Allowance:
    """What is left to one request. `reserve` takes memory (bytes) and raises if the process has no more.

    `deadline` is on the monotonic clock. Without arguments, only the default limits apply.
    """

    __slots__ = ("_largest", "deadline", "limits", "reserve", "row_numbers")

    def __init__(
        self,
        limits: Limits = DEFAULTS,
        deadline: float = math.inf,
        reserve: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.limits = limits
        self.deadline = deadline
        self.reserve = reserve
        self.row_numbers = (0, 0)
        """The numbers of a row in the network's inputs and outputs; (0, 0) if the rows are limited elsewhere."""
        self._largest = 0

    @classmethod
    def for_blocks(cls, limits: Limits) -> Self:
        """The allowance of a job, which reads its rows in blocks of bounded size."""
        unlimited = {"body_values": sys.maxsize, "prediction_numbers": sys.maxsize}
        return cls(replace(limits, prediction_pixels=limits.pixels, **unlimited))

    def take_values(self, count: int, size: int = VALUE_BYTES) -> None:
        """Allow `count` values to become Python objects, with `size` bytes for each. Raises Excessive."""
        most = self.limits.body_values
        if count > most:
            raise Excessive(f"The body has more than {most:,} values, which is the limit.")
        self.reserve(count * size)

    def take_text(self, data: bytes, copies: int = 1, *, is_wide: bool = False) -> None:
        """Allow encoded text to be decoded. One character beyond Latin-1 makes all of a text take up to four bytes for
        each; `is_wide` if ASCII stands for some, as escapes in JSON do."""
        self.reserve(copies * len(data) * (4 if is_wide or not data.isascii() else 1))

    def take_numbers(self, count: int, size: int = PARSED_BYTES) -> None:
        """Allow `count` numbers of a body to become an array, with `size` bytes for each. Raises Excessive."""
        most = self.limits.prediction_numbers
        if count > most:
            raise Excessive(f"The body has {count:,} numbers; the limit is {most:,}.")
        self.reserve(count * size)

    def take_cells(self, count: int) -> None:
        """Allow `count` cells of a table's rows to be converted, in which missing cells count. Raises Excessive."""
        most = self.limits.prediction_numbers
        if count > most:
            raise Excessive(f"The rows have {count:,} cells in the table's columns; the limit is {most:,}.")
        self.reserve(count * CELL_BYTES)

    def take_rows(self, rows: int) -> None:
        """Allow `rows` with `row_numbers` each. Raises Excessive."""
        inputs, outputs = self.row_numbers
        most = self.limits.prediction_numbers
        if rows * (inputs + outputs) > most:
            raise Excessive(
                f"The request has {rows:,} rows. A row of this model has {inputs + outputs:,} numbers in its inputs "
                f"and outputs, so that the limit is {most // (inputs + outputs):,} rows."
            )
        self.reserve(rows * (inputs * INPUT_BYTES + outputs * OUTPUT_BYTES))

    def take_pixels(self, count: int) -> None:
        """Allow an image of `count` pixels to be decoded. Images of a request take the memory of the largest."""
        if count > self._largest:
            self.reserve((count - self._largest) * PIXEL_BYTES)
            self._largest = count

    def check_time(self) -> None:
        """Raise TookTooLong if the deadline has passed."""
        check_deadline(self.deadline)


def check_deadline(deadline: float) -> None:
    """Raise TookTooLong if the deadline (monotonic clock) has passed."""
    if time.monotonic() > deadline:
        raise TookTooLong("The prediction exceeded its deadline. Post fewer rows per request.")
