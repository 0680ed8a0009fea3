"""Files of rows in each format, also compressed or several at once, for predictions, datasets and their versions."""

import gzip
import io
import json
from datetime import date
from typing import Any

import polars
import zstandard
from hypothesis import strategies as st

from tests.fuzzing.edits import edited, edited_document
from tests.fuzzing.request import FORM, JSON, WAITING, Request, dataset, form, upload
from tests.fuzzing.tables import CELLS, csv_files, json_files, parquet_files, write_csv
from tests.fuzzing.versions import MIXED_ROW, MIXED_ROWS

EXTRA = ("", "", "?extra=ignore", "?extra=ignore", "?extra=refuse", "?extra=drop", "?extra=ignore&extra=ignore")
TYPES = {
    "csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
ENDINGS = ("csv", "jsonl", "parquet")
GROWING = dataset("\n".join(map(json.dumps, MIXED_ROWS * 3)).encode(), "g.jsonl", {"target": "kind"}, "growing")
"""The request for a dataset that gets versions."""
NewFile = tuple[str, bytes]
"""The name of a file, and its content."""


@st.composite
def fitting_csv(draw: st.DrawFn) -> bytes:
    """The columns that the model needs, with unusual cells."""
    rows = draw(st.integers(1, 20))
    table = {name: [str(value)] * rows for name, value in MIXED_ROW.items()}
    for _ in range(draw(st.integers(0, 4))):
        cells = CELLS[draw(st.sampled_from(list(CELLS)))]
        table[draw(st.sampled_from(list(MIXED_ROW)))][draw(st.integers(0, rows - 1))] = draw(st.sampled_from(cells))
    return write_csv(table).encode()


def _fitting(ending: str, extra: bool) -> bytes:
    rows = [row | ({"id": number} if extra else {}) for number, row in enumerate(MIXED_ROWS)]
    if ending == "csv":
        return write_csv({name: [str(row[name]) for row in rows] for name in rows[0]}).encode()
    if ending == "jsonl":
        return "\n".join(map(json.dumps, rows)).encode()
    typed = [row | {"day": date.fromisoformat(row["day"])} for row in rows]
    file = io.BytesIO()
    polars.DataFrame(typed).write_parquet(file)
    return file.getvalue()


@st.composite
def table_files(draw: st.DrawFn) -> NewFile:
    """A file of rows of `mixed`, or of any table; sometimes compressed, edited, or with a wrong name."""
    ending = draw(st.sampled_from(ENDINGS))
    anything = {"csv": csv_files(), "jsonl": json_files(lines=True), "parquet": parquet_files()}
    fitting = st.booleans().map(lambda extra: _fitting(ending, extra))
    data = draw(st.one_of(fitting, fitting, fitting_csv() if ending == "csv" else fitting, anything[ending]))
    if draw(st.integers(0, 3)) == 3:
        data = draw(edited([data], [b'"', b",", b"\n", b"PAR1", b"\xff" * 8]))
    name = f"rows.{draw(st.sampled_from((ending,) * 8 + ENDINGS))}"
    kind = draw(st.sampled_from(("", "", "gz", "zst")))
    if not kind:
        return name, data
    data = gzip.compress(data, mtime=0) if kind == "gz" else zstandard.compress(data)
    return f"{name}.{kind}", draw(st.one_of(st.just(data), st.just(data), edited([data])))


@st.composite
def native_files(draw: st.DrawFn) -> Request:
    """A file as the body of a prediction, or one or several in a form."""
    path = f"/v1/models/{draw(st.sampled_from(('mixed', 'mixed', 'mixed', 'line', 'tiles')))}/predictions"
    path += draw(st.sampled_from(EXTRA))
    if draw(st.booleans()):
        name, data = draw(table_files())
        type_ = draw(st.sampled_from((TYPES[name.split(".")[1]],) * 4 + tuple(TYPES.values())))
        return Request("POST", path, data, {"Content-Type": type_})
    files = [draw(table_files()) for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3))))]
    return Request("POST", path, form([(f'name="file"; filename="{name}"', data) for name, data in files]), FORM)


@st.composite
def several_files(draw: st.DrawFn) -> Request:
    """A dataset of several files."""
    (name, data), *others = (draw(table_files()) for _ in range(draw(st.integers(2, 3))))
    return upload("/v1/datasets", data, name, {"name": "fuzzed", "target": "kind"}, others)


@st.composite
def dataset_versions(draw: st.DrawFn) -> Request:
    """A version of a dataset: posted rows that are appended, or a new file, or several."""
    path = "/v1/datasets/growing/versions"
    if draw(st.booleans()):
        documents: tuple[Any, ...] = ({"append": MIXED_ROWS}, {"append": MIXED_ROWS[:1]})
        document = draw(edited_document(documents, ("append", "kind", "day", *MIXED_ROW)))
        return Request("POST", path, json.dumps(document).encode(), JSON | WAITING)
    (name, data), *others = (draw(table_files()) for _ in range(draw(st.sampled_from((1, 1, 2)))))
    fields = draw(edited_document(({}, {"target": "kind"}, {"split": {"test": 0.5}}), ("kind", "colour")))
    return upload(path, data, name, fields if isinstance(fields, dict) else {}, others)
