"""The result of a batch prediction: a Parquet file, written in parts, and read as CSV or JSON Lines.

The columns are `row`, `file` (if the rows are images in a ZIP file), `group` and `after` (for rows of series), and the
fields of a prediction: `label`, `score` and `scores`, or `labels` and `scores`, or `value`. NaN and infinity are null.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.batches.blocks import Block
from models.jobs.batch_prediction import RESULT_FILE
from models.parquet_sink import parquet_sink
from models.predictor import Predictor
from models.scores import predicted_classes, predicted_labels
from models.spec import THRESHOLD, Task

if TYPE_CHECKING:
    import polars

ROWS, FILE, LABEL, LABELS, SCORE, SCORES, VALUE = "row", "file", "label", "labels", "score", "scores", "value"
MOST_ROWS = 65_536
MOST_NUMBERS = 1024 * 1024
"""The numbers of a part of the file at most. One part is in memory at a time."""


class ResultWriter:
    """Writes the predictions of a version for a sequence of blocks into a folder, in parts."""

    def __init__(self, folder: Path, predictor: Predictor, threshold: float = THRESHOLD) -> None:
        self._folder = folder
        self._predictor = predictor
        self._threshold = threshold
        self._frames: list[polars.DataFrame] = []
        self._waiting = 0
        self._parts: list[Path] = []

    def add(self, block: Block, outputs: np.ndarray) -> None:
        """Add a block with the network's raw outputs."""
        self._frames.append(make_frame(self._predictor, block, outputs, self._threshold))
        self._waiting += len(block.rows)
        if self._waiting >= _count_rows(outputs[0].size):
            self._write_part()

    def finish(self) -> list[Path]:
        """Write the last part; returns the paths of all parts, in order."""
        self._write_part()
        return self._parts

    def _write_part(self) -> None:
        import polars

        if self._frames:
            self._parts.append(self._folder / part_name(len(self._parts)))
            with self._parts[-1].open("wb") as file, parquet_sink(file) as sink:
                polars.concat(self._frames).write_parquet(sink)
        self._frames, self._waiting = [], 0


def part_name(number: int) -> str:
    """The name of the file of a part, counted from 0."""
    return f"{number}.parquet"


def join_parts(parts: Sequence[Path], folder: Path) -> Path:
    """Join parts, in this order, into the result's file in the folder; returns its path.

    It reads one row group after another. The file depends only on the rows, not on how they were divided into parts.
    """
    import polars

    path = folder / RESULT_FILE
    groups = _count_rows(_width(polars.read_parquet_schema(parts[0])))
    with path.open("wb") as file, parquet_sink(file) as sink:
        polars.scan_parquet(list(parts), glob=False).sink_parquet(sink, row_group_size=groups)
    return path


def make_frame(
    predictor: Predictor, block: Block, outputs: np.ndarray, threshold: float = THRESHOLD
) -> "polars.DataFrame":
    """A block's predictions, one for each row, from the network's raw outputs. Predictor.predict describes them."""
    import polars

    columns = [polars.Series(ROWS, block.rows)]
    if block.files is not None:
        columns.append(polars.Series(FILE, block.files))
    if block.labels is not None:
        columns += polars.DataFrame(block.labels).get_columns()
    if predictor.task is Task.REGRESSION:
        single = outputs[0].size == 1
        return polars.DataFrame([*columns, _finite(VALUE, outputs.reshape(len(outputs)) if single else outputs)])
    with np.errstate(invalid="ignore"):
        scores = predictor.score(outputs)
    classes = predictor.classes or []
    if predictor.task is Task.MULTILABEL:
        labels = [[classes[index] for index in np.flatnonzero(row)] for row in predicted_labels(scores, threshold)]
        kind = polars.List(polars.Series(classes).dtype)
        return polars.DataFrame([*columns, polars.Series(LABELS, labels, kind), _finite(SCORES, scores)])
    best = predicted_classes(scores, predictor.task, threshold)
    score = _finite(SCORE, scores[np.arange(len(scores)), best])
    places = polars.DataFrame({"best": best, "score": score})
    known = places.select(polars.when(polars.col("score").is_not_null()).then(polars.col("best"))).to_series()
    label = polars.Series(LABEL, classes).gather(known)
    return polars.DataFrame([*columns, label, score, _finite(SCORES, scores)])


def _finite(name: str, values: np.ndarray) -> "polars.Series":
    """Numbers, shape (rows, …), as a series. NaN and infinity are null."""
    import polars

    flat = polars.Series(name, np.where(np.isfinite(values), values, np.nan).reshape(-1)).fill_nan(None)
    return flat if values.ndim == 1 else flat.reshape((len(values), *values.shape[1:]))


def stream_json_lines(path: Path) -> Iterator[bytes]:
    """The result as JSON Lines, one object for each row, in chunks."""
    for frame in _parts(path):
        yield frame.write_ndjson().encode()


def stream_csv(path: Path, classes: Sequence[Any] | None) -> Iterator[bytes]:
    """The result as CSV with a header, in chunks.

    Instead of `scores` there is a column for each class, such as `score_setosa`, and instead of `group` one for each of
    its columns, such as `group_symbol`. Several values are `value_0` and so on, in C order. `labels` are JSON.
    """
    for number, frame in enumerate(_parts(path)):
        yield _flatten(frame, classes).write_csv(include_header=number == 0).encode()


def _flatten(frame: "polars.DataFrame", classes: Sequence[Any] | None) -> "polars.DataFrame":
    import polars

    columns = []
    for column in frame.get_columns():
        if isinstance(column.dtype, polars.Array):
            width = column.dtype.size if len(column.dtype.shape) == 1 else int(np.prod(column.dtype.shape))
            flat = column.reshape((len(column), width))
            names = [f"score_{_write(one)}" for one in classes or ()] if column.name == SCORES else None
            columns += [flat.arr.get(i).alias(names[i] if names else f"{column.name}_{i}") for i in range(width)]
        elif isinstance(column.dtype, polars.Struct):
            columns += [part.alias(f"{column.name}_{part.name}") for part in column.struct.unnest().get_columns()]
        elif isinstance(column.dtype, polars.List):
            texts = [None if labels is None else json.dumps(labels, ensure_ascii=False) for labels in column.to_list()]
            columns.append(polars.Series(column.name, texts, polars.String))
        else:
            columns.append(column)
    return polars.DataFrame(columns)


def _write(label: Any) -> str:
    return label if isinstance(label, str) else json.dumps(label)


def _parts(path: Path) -> Iterator["polars.DataFrame"]:
    """The rows in parts. Numbers are doubles, as in responses to predictions."""
    import polars

    scan = polars.scan_parquet(path, glob=False)
    schema = scan.collect_schema()
    rows, at_once = int(scan.select(polars.len()).collect().item()), _count_rows(_width(schema))
    exact = {name: kind for name, type_ in schema.items() if (kind := _in_double(type_)) is not None}
    for start in range(0, rows, at_once):
        yield scan.slice(start, at_once).cast(exact).collect()  # type: ignore[arg-type]


def _in_double(type_: "polars.DataType") -> "polars.DataType | None":
    """The type with doubles, which JSON has, for a type with floats; None for other types."""
    import polars

    if isinstance(type_, polars.Array):
        return polars.Array(polars.Float64, type_.shape)
    return polars.Float64() if type_ == polars.Float32 else None


def _width(schema: Any) -> int:
    """The numbers of a row."""
    return sum(int(np.prod(getattr(type_, "shape", None) or 1)) for type_ in schema.values())


def _count_rows(width: int) -> int:
    return max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width)))
