"""What Polars writes arrives in the file, and a write that fails says why."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest

from models.parquet_sink import parquet_sink

FRAME = polars.DataFrame({"number": range(5000), "text": [str(number) for number in range(5000)]})
WRITERS: list[Callable[[Any], None]] = [FRAME.write_parquet, FRAME.lazy().sink_parquet]


@pytest.mark.parametrize("write", WRITERS, ids=["a frame", "a query"])
def test_what_is_written_arrives(write: Callable[[Any], None], tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    with path.open("wb") as file, parquet_sink(file) as sink:
        write(sink)
    assert polars.read_parquet(path).equals(FRAME)


@pytest.mark.parametrize("room", [0, 4, 1000, 10_000])
@pytest.mark.parametrize("write", WRITERS, ids=["a frame", "a query"])
def test_a_full_disk_is_named_wherever_the_writing_fails(write: Callable[[Any], None], room: int) -> None:
    class FullDisk:
        """Has room for so many bytes."""

        left = room

        def write(self, data: bytes) -> int:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return len(data)

    with pytest.raises(OSError, match="No space left") as raised, parquet_sink(FullDisk()) as sink:  # type: ignore[arg-type]
        write(sink)
    assert raised.value.errno == errno.ENOSPC


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    unknown = FRAME.lazy().select("absent")
    path = tmp_path / "0.parquet"
    with path.open("wb") as file, pytest.raises(polars.exceptions.ColumnNotFoundError), parquet_sink(file) as sink:
        unknown.sink_parquet(sink)
