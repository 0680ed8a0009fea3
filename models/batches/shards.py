"""Divides the rows of a batch prediction into shards, which several processes predict.

A shard consists of whole blocks. So the network gets the same blocks as without shards, its outputs are the same to the
last bit, and an invalid row is reported as it would be otherwise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from models.jobs.batch_prediction import Shard

MOST_SHARDS = 100
"""With more rows, shards have more rows."""


@dataclass(frozen=True)
class Place:
    """A place between two blocks: how many rows are before it, and where that is in a file of text, as in Shard."""

    rows: int
    at: str | None = None
    line: int = 0


def count_places(rows: int, at_once: int) -> Iterator[Place]:
    """The places after each block of rows that are found by their number."""
    for start in range(0, rows, at_once):
        yield Place(min(start + at_once, rows))


def make_shards(places: Sequence[Place], shard_rows: int) -> list[Shard]:
    """Shards of about the same size, which is `shard_rows` if there are few enough. `places` are those after each
    block. A single shard, or none for no places, if the rows needn't be divided."""
    if not places:
        return []
    rows = places[-1].rows
    blocks = ceil(len(places) / min(ceil(rows / shard_rows), MOST_SHARDS))
    begins = [Place(0), *places[:-1]][::blocks]
    ends = [begin.rows for begin in begins[1:]] + [rows]
    return [Shard(begin.rows, end - begin.rows, begin.at, begin.line) for begin, end in zip(begins, ends, strict=True)]
