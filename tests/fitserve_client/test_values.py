"""What Python programs hold, as the client sends it."""

import datetime
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from fitserve_client import Client, statuses
from fitserve_client.bodies import FileForm, encode_instances, upload_form
from fitserve_client.values import plain
from service import statuses as services
from tests.fitserve_client.scripted_server import Answer, scripted
from tests.running_service import ROOT

TABLE = polars.DataFrame(
    {
        "size": [1.5, float("nan"), None],
        "floor": [3, None, 12],
        "town": ["Köln", None, "Bonn"],
        "sold": [datetime.date(2024, 1, 31), None, datetime.date(2024, 2, 1)],
        "new": [True, None, False],
    }
)
ROWS: list[dict[str, Any]] = [
    {"size": 1.5, "floor": 3, "town": "Köln", "sold": "2024-01-31", "new": True},
    {"size": None, "floor": None, "town": None, "sold": None, "new": None},
    {"size": None, "floor": 12, "town": "Bonn", "sold": "2024-02-01", "new": False},
]


def lines(body: bytes) -> list[Any]:
    return list(map(json.loads, body.splitlines()))


@pytest.mark.parametrize("table", [TABLE, TABLE.lazy()])
def test_a_table_of_polars_is_rows_by_column(table: Any) -> None:
    content_type, body = encode_instances(table)
    assert (content_type, lines(body)) == ("application/x-ndjson", ROWS)


def test_a_table_of_pandas_is_rows_by_column() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(
        {
            "size": [1.5, float("nan"), None],
            "floor": pandas.array([3, None, 12], dtype="Int64"),
            "town": pandas.Categorical(["Köln", None, "Bonn"]),
            "sold": pandas.to_datetime(["2024-01-31", None, "2024-02-01"]),
            "new": pandas.array([True, None, False], dtype="boolean"),
        },
        index=[7, 8, 9],
    )
    (first, *_), (_, missing, _) = lines(encode_instances(frame)[1]), lines(encode_instances(frame)[1])
    assert first == ROWS[0] | {"sold": "2024-01-31T00:00:00"}
    assert missing == ROWS[1]
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match='The table has the column "a" 2 times'):
        encode_instances(twice)
    with pytest.raises(ValueError, match=r"frame\.loc"):
        encode_instances(frame.loc[7])


def test_values_of_numpy_and_python_become_json() -> None:
    row = {
        "a": np.float32(1.5), "b": np.int64(3), "c": np.bool_(True), "d": np.nan, "e": np.array([[1.0, np.nan]]),
        "f": (1, 2), "g": Decimal("1.25"), "h": np.str_("x"), "i": datetime.datetime(2024, 1, 2, 3),
        "j": np.datetime64("2024-01-02T03:00:00", "ns"), "k": np.datetime64("NaT"), 7: None,
    }  # fmt: skip
    assert plain(row) == {
        "a": 1.5, "b": 3, "c": True, "d": None, "e": [[1.0, None]], "f": [1, 2], "g": 1.25, "h": "x",
        "i": "2024-01-02T03:00:00", "j": "2024-01-02T03:00:00", "k": None, "7": None,
    }  # fmt: skip
    content_type, body = encode_instances({"a": np.float64(1)})
    assert (content_type, json.loads(body)) == ("application/json", {"instances": [{"a": 1.0}]})
    assert encode_instances(np.array([["x", None]], object))[0] == "application/json"
    assert encode_instances(np.array([[1, 2]]))[0] == "application/x-npy"


@pytest.mark.parametrize("value", [float("inf"), object(), TABLE.clear(), {"a": b"bytes"}])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"can't be sent|no rows"):
        encode_instances([value] if not isinstance(value, polars.DataFrame) else value)


def test_a_table_is_uploaded_as_a_file_and_several_files_are_one_form(tmp_path: Path) -> None:
    with scripted(Answer(201, {"name": "flats", "status": "ready"})) as server:
        Client(server.url).datasets.upload(TABLE, "flats", target="size", types={"floor": "category"})
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text(f"x,y\n1,{name}\n")
        Client(server.url).datasets.upload([tmp_path / "a.csv", tmp_path / "b.csv"], "two", target="y")
        Client(server.url).datasets.create({"name": "few", "source": "inline", "rows": TABLE, "target": "size"})
    table, several, inline = (request.body.decode() for request in server.asked)
    assert 'filename="flats.jsonl"' in table
    assert all(json.dumps(row, ensure_ascii=False) in table for row in ROWS)
    assert several.index("1,a.csv") < several.index("1,b.csv")
    assert several.count('name="file"') == 2
    assert json.loads(inline)["rows"] == ROWS


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_form_of_files_is_as_long_as_it_says(count: int, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.csv" for number in range(count)]
    for file in files:
        file.write_text(f"\r\n\r\n--{file.name}\r\n\r\n")
    form = FileForm(files, {"name": "é", "target": "y"})
    assert len(b"".join(form)) == len(form)
    with upload_form(files[0], {"name": "n"}) as single:
        assert len(b"".join(single)) == len(single)


def test_the_clients_statuses_are_the_services() -> None:
    for name in ("READY", "SUCCEEDED", "AVAILABLE", "FAILED", "CANCELLED", "PAUSED", "RUNNING", "STOPPED", "FINAL"):
        assert getattr(statuses, name) == getattr(services, name)
    finished = {status for status in services.RESOURCE_STATUSES if status not in ("building", "processing")}
    assert set(statuses.FINISHED) == finished


def test_the_client_imports_only_requests() -> None:
    program = "import sys, fitserve_client; print([name for name in sys.modules if name.partition('.')[0] in sys.argv])"
    unwanted = ["service", "models", "tensorflow", "keras", "numpy", "pandas", "polars", "orjson"]
    done = subprocess.run([sys.executable, "-c", program, *unwanted], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
