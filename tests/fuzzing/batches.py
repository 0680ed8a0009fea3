"""Files for batch predictions, in each format that they may have."""

from hypothesis import strategies as st

from tests.fuzzing.arrays import npy_files, npz_files, picture_zips
from tests.fuzzing.edits import edited
from tests.fuzzing.request import Request, upload
from tests.fuzzing.tables import CELLS, csv_files, json_files, parquet_files, write_csv
from tests.fuzzing.versions import MIXED_ROW

PATH = "/v1/batch-predictions"
TABLES = (
    ("csv", csv_files()),
    ("json", json_files(lines=False)),
    ("jsonl", json_files(lines=True)),
    ("parquet", parquet_files()),
)
TENSORS = (("npy", npy_files()), ("npz", npz_files()), ("zip", picture_zips()))


@st.composite
def fitting_csv(draw: st.DrawFn) -> bytes:
    """The columns that the model needs, with unusual cells."""
    rows = draw(st.integers(1, 20))
    table = {name: [str(value)] * rows for name, value in MIXED_ROW.items()}
    for _ in range(draw(st.integers(0, 4))):
        cells = CELLS[draw(st.sampled_from(list(CELLS)))]
        table[draw(st.sampled_from(list(MIXED_ROW)))][draw(st.integers(0, rows - 1))] = draw(st.sampled_from(cells))
    return write_csv(table).encode()


@st.composite
def batch_predictions(draw: st.DrawFn) -> Request:
    if draw(st.booleans()):
        model = "mixed"
        ending, files = draw(st.sampled_from((("csv", fitting_csv()), *TABLES)))
    else:
        model = draw(st.sampled_from(("tiles", "line", "pair")))
        ending, files = draw(st.sampled_from(TENSORS))
    file = draw(files)
    if draw(st.integers(0, 3)) == 3:
        file = draw(edited([file]))
    return upload(PATH, file, f"rows.{ending}", {"model": model})
