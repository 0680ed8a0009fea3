"""Files that are compressed as a whole, and tables in several files."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import polars
import pytest

from models.datasets import Dataset, file_name, import_dataset
from models.errors import Fault, InvalidData
from models.files.compressed import inner_name
from models.limits import FREE_BYTES, Limits
from tests.models.made_datasets import read_rows
from tests.models.made_uploads import NO_SPLIT, import_upload

CSV = "size;town;y\n1,5;Köln;1\n2,5;Bonn;2,25\n"
BACK = "y;town;size\n3;Köln;3,5\n4;Ulm;4,5\n"


def zstd(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    packed: bytes = zstandard.ZstdCompressor().compress(data)
    return packed


def import_files(folder: Path, files: dict[str, bytes], limits: Limits | None = None, **options: Any) -> Dataset:
    upload, target = folder / "upload", folder / "dataset"
    upload.mkdir()
    target.mkdir()
    for number, data in enumerate(files.values()):
        (upload / file_name(number)).write_bytes(data)
    first, *others = ({"name": name} for name in files)
    request = {"name": "made", "source": "upload", "file": first, "target": "y", "split": NO_SPLIT, **options}
    import_dataset(
        request | ({"more_files": others} if others else {}),
        target,
        upload=upload,
        cache=folder / "no-cache",
        downloads=False,
        limits=limits or Limits(),
        progress=lambda share: None,
    )
    return Dataset.open(target)


def faults(folder: Path, files: dict[str, bytes], **options: Any) -> list[Fault]:
    with pytest.raises(InvalidData) as caught:
        import_files(folder, files, **options)
    return list(caught.value.faults)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("name", ["flats.csv", "flats.jsonl"])
def test_a_compressed_table_is_unpacked(pack: Any, name: str, tmp_path: Path) -> None:
    data = CSV.encode() if name.endswith("csv") else b'{"size": 1.5, "y": 1}\n{"size": 2.5, "y": 2.25}\n'
    (tmp_path / "plain").mkdir()
    wanted = read_rows(import_upload(tmp_path / "plain", data, name, split=NO_SPLIT), "train", 0, 10)
    dataset = import_files(tmp_path, {f"{name}.{'gz' if pack is gzip.compress else 'zst'}": pack(data)})
    assert read_rows(dataset, "train", 0, 10) == wanted
    assert dataset.descriptor.file.compression in ("gzip", "zstd")


def test_several_members_and_padding_are_one_file(tmp_path: Path) -> None:
    half = len(CSV) // 2
    packed = gzip.compress(CSV[:half].encode()) + gzip.compress(CSV[half:].encode()) + bytes(5000)
    assert import_files(tmp_path, {"a.csv.gz": packed}).descriptor.rows == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_damaged_or_nested_compressed_file_is_refused(pack: Any, tmp_path: Path) -> None:
    packed = pack(CSV.encode() * 50)
    broken = packed[: len(packed) // 2]
    changed = packed[:12] + b"\xff" * 20 + packed[32:] if pack is gzip.compress else broken  # zstd may have no checksum
    for number, data in enumerate((broken, changed, pack(packed))):
        (tmp_path / str(number)).mkdir()
        (fault,) = faults(tmp_path / str(number), {"a.csv": data})
        assert fault.file == "a.csv"
        assert "damaged" in fault.detail or "expected CSV" in fault.detail


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_compression_bomb_is_refused_while_it_is_unpacked(pack: Any, tmp_path: Path) -> None:
    bomb = pack(b"x,y\n" + b"1,2\n" * (FREE_BYTES // 4))
    (fault,) = faults(tmp_path, {"a.csv.gz": bomb}, limits=Limits(dataset_bytes=100_000))
    assert fault.detail == "a.csv.gz becomes more than 100,000 bytes when it is unpacked, which is the limit."
    (tmp_path / "b").mkdir()
    (fault,) = faults(tmp_path / "b", {"a.csv.gz": bomb})
    assert fault.detail.startswith("a.csv.gz becomes more than 100 times larger")


def test_the_name_within_a_compressed_file() -> None:
    assert [inner_name(name) for name in ("a.csv.gz", "a.CSV.ZST", "a.csv", "gz")] == ["a.csv", "a.CSV", "a.csv", "gz"]


def test_rows_of_several_files_follow_each_other(tmp_path: Path) -> None:
    dataset = import_files(tmp_path, {"a.csv": CSV.encode(), "b.csv.gz": gzip.compress(BACK.encode())})
    rows = read_rows(dataset, "train", 0, 10)
    assert [(row["instance"]["size"], row["instance"]["town"], row["target"]) for row in rows] == [
        (1.5, "Köln", 1), (2.5, "Bonn", 2.25), (3.5, "Köln", 3), (4.5, "Ulm", 4),
    ]  # fmt: skip


def as_parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    polars.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def test_parquet_and_json_files_may_be_several_too(tmp_path: Path) -> None:
    files = {"a.parquet": as_parquet(x=[1, 2], y=[1.5, 2]), "b.parquet": as_parquet(y=[3, 4], x=[0.5, None])}
    rows = read_rows(import_files(tmp_path, files), "train", 0, 10)
    assert [row["instance"]["x"] for row in rows] == [1, 2, 0.5, None]
    lines = {f"{place}.jsonl": json.dumps({"x": name, "y": place}).encode() for place, name in enumerate("aabb")}
    (tmp_path / "json").mkdir()
    assert import_files(tmp_path / "json", lines).descriptor.rows == 4


@pytest.mark.parametrize(
    ("files", "file", "detail"),
    [
        ({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"}, "b.csv", 'b.csv has no column "y", which a.csv has.'),
        ({"a.csv": b"x,y\n1,2\n", "b.json": b'[{"x": 1}]'}, "b.json", "b.json is JSON, but a.csv is CSV"),
        ({"a.csv": b"x;y\n1,5;2,5\n", "b.csv": b"x;y\n1.5;2.5\n"}, "b.csv", 'set "decimal" in "csv"'),
        (
            {"a.parquet": as_parquet(x=[1], y=[1]), "b.parquet": as_parquet(x=["a"], y=[1])},
            "b.parquet",
            'column "x" is',
        ),
        ({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,y\n1,2\n1\n"}, "b.csv", "Row 1 (line 3) has 1 field"),
        ({"a.csv": b"x,y\n1,2\n3,4\n", "b.csv": b"x,y\n5,2\nwide,3\n"}, "b.csv", "Of b.csv it is row 1."),
    ],
)
def test_differences_name_the_file(files: dict[str, bytes], file: str, detail: str, tmp_path: Path) -> None:
    found = faults(tmp_path, files, types={"x": "number"})
    assert found[0].file == file
    assert detail in found[0].detail


def test_several_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a/1.png", b"x")
    files = {"a.zip": archive.getvalue(), "b.zip": archive.getvalue()}
    (fault,) = faults(tmp_path, files, target=None)
    assert fault.detail == "Several files must be tables, but a.zip is ZIP. Send one file."
