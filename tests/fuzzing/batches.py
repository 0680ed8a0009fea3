"""Files for batch predictions, in each format that they may have."""

from hypothesis import strategies as st

from tests.fuzzing.arrays import npy_files, npz_files, picture_zips
from tests.fuzzing.edits import edited
from tests.fuzzing.files_of_rows import fitting_csv, table_files
from tests.fuzzing.request import Request, upload
from tests.fuzzing.tables import csv_files, json_files, parquet_files

PATH = "/v1/batch-predictions"
TABLES = (
    ("csv", csv_files()),
    ("json", json_files(lines=False)),
    ("jsonl", json_files(lines=True)),
    ("parquet", parquet_files()),
)
TENSORS = (("npy", npy_files()), ("npz", npz_files()), ("zip", picture_zips()))


@st.composite
def batch_predictions(draw: st.DrawFn) -> Request:
    if draw(st.booleans()):
        name, file = draw(table_files())
        fields = draw(st.sampled_from(({}, {"extra": "ignore"}, {"extra": "refuse"}, {"extra": "drop"})))
        return upload(PATH, file, name, {"model": "mixed", **fields})
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
