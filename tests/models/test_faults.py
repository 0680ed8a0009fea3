"""An error has at most 100 faults, and the others are never built: a client may cause millions."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import check_request
from models.errors import MOST_FAULTS, Fault, InvalidInput
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from models.tabular.csv_instances import CsvColumns, read_csv_instances
from tests.models.made_uploads import import_upload, to_csv
from tests.models.network_specs import make_spec

MANY = 300


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Fault]:
    """Every fault that is built during the test."""
    faults: list[Fault] = []
    complete = Fault.__post_init__

    def note(fault: Fault) -> None:
        complete(fault)
        faults.append(fault)

    monkeypatch.setattr(Fault, "__post_init__", note)
    return faults


def _upload(data: bytes | str, name: str, **options: Any) -> Callable[[Path], object]:
    return lambda folder: import_upload(folder, data, name, **options)


def _body(text: str, *columns: str) -> Callable[[Path], object]:
    table = CsvColumns(columns, complete=True) if columns else None
    return lambda folder: read_csv_instances(text.encode(), table)


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _zip(names: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return file.getvalue()


def _request(**members: Any) -> Callable[[Path], object]:
    return lambda folder: check_request({"name": "made", **members})


def _upload_request(**members: Any) -> Callable[[Path], object]:
    return _request(source="upload", file={"name": "made"}, **members)


NAMES = [f"column{number}" for number in range(MANY)]
ARRAYS = {f"a{number}": np.zeros(1) for number in range(MANY)}
RENAMED = [name.replace("1", "a") for name in NAMES]
CONSTANT = "".join(",".join(row) + "\n" for row in ([*NAMES, "y"], ["1"] * MANY + ["0"], ["1"] * MANY + ["2"]))
ATTACKS: dict[str, Callable[[Path], object]] = {
    "unknown columns of a CSV body": _body(f"a,{','.join(NAMES)}", "a"),
    "columns of a CSV body twice": _body(f"a,{','.join(NAMES * 2)}", "a"),
    "missing columns of a CSV body": _body("column1", *NAMES),
    "texts in a CSV of numbers": _body("a,b,c\n" * MANY),
    "columns of a CSV twice": _upload(f"{','.join(NAMES * 2)},y\n", "made.csv"),
    "columns without use": _upload(CONSTANT, "made.csv"),
    "texts among numbers": _upload(CONSTANT.replace("1", "a"), "made.csv", types=dict.fromkeys(RENAMED, "number")),
    "options for unknown columns": _upload("a,y\n1,0\n2,1\n", "made.csv", types=dict.fromkeys(NAMES, "number")),
    "names that lead out of a ZIP": _upload(_zip([f"../{name}" for name in NAMES]), "made.zip", target=None),
    "images outside of folders": _upload(_zip([f"{name}.png" for name in NAMES]), "made.zip", target=None),
    "images that are empty": _upload(_zip([f"{name[-1]}/{name}.png" for name in NAMES]), "made.zip", target=None),
    "unknown arrays": _upload(_npz(x=np.zeros(1), y=np.zeros(1), **ARRAYS), "made.npz", target=None),
    "arrays with other rows": _upload(
        _npz(y=np.arange(2), **{f"x_{name}": values for name, values in ARRAYS.items()}), "made.npz", target=None
    ),
    "options of a picture": _upload_request(picture=dict.fromkeys(NAMES, 1)),
    "options of a split": _upload_request(split=dict.fromkeys(NAMES, 1)),
    "options of a CSV": _upload_request(csv=dict.fromkeys(NAMES, 1)),
    "types of columns": _upload_request(types=dict.fromkeys(NAMES, "colour")),
    "ignored columns": _upload_request(ignore=[1] * MANY),
    "parameters": _request(source="line", parameters=dict.fromkeys(NAMES, 1)),
    "fields of other sources": _request(source="line", **dict.fromkeys(NAMES, 1)),
    "inputs that aren't lists": _request(source="inline", inputs=dict.fromkeys(NAMES, 1), targets=[1]),
    "names of inputs": _request(source="inline", inputs={f"-{name}": [1] for name in NAMES}, targets=[1]),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_at_most_the_faults_that_are_shown_are_built(attack: str, built: list[Fault], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        ATTACKS[attack](tmp_path)
    assert 1 <= len(caught.value.faults) <= MOST_FAULTS
    # two kinds of faults may be found before they are cut
    assert len(built) <= 2 * MOST_FAULTS


@pytest.mark.parametrize(
    "instances",
    [
        [dict.fromkeys(NAMES, 1)] * 3,
        [{f"{name}{row}": 1} for row, name in enumerate(NAMES)],
        [7] * MANY,
        [{"a": "text", "b": "text"}] * MANY,
        CsvText(("a,b\n" + "x,y\n" * MANY).encode()),
        CsvText(f"a,{','.join(NAMES)}\n".encode()),
    ],
)
def test_at_most_the_faults_of_instances_that_are_shown_are_built(
    instances: Any, built: list[Fault], tmp_path: Path
) -> None:
    dataset = import_upload(tmp_path, to_csv({"a": range(9), "b": range(9), "y": range(9)}))
    preprocessing = Preprocessing.fit(make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made")), dataset)
    with pytest.raises(InvalidInput) as caught:
        preprocessing.read_instances(instances, 1000)
    assert caught.value.faults[0].row in (0, None)
    assert len(built) <= 2 * MOST_FAULTS
