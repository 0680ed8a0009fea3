"""Files posted as datasets: received piece by piece, kept whole, or not at all."""

import hashlib
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
import requests

from models.errors import Fault, InvalidData
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.operations.upkeep import housekeeping
from service.storage.folder_store import FolderStore
from service.storage.jobs import NewEvent
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.api_server import Server
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

CSV = b"width,kind\n1.5,a\n2.5,b\n"
WITHOUT_WAITING = {"Prefer": "wait=0"}


def upload(api: ApiClient, expect: int = 202, content: bytes = CSV, called: str = "flowers.csv", **fields: Any) -> Any:
    form = {"name": "flowers", "target": "kind", "file": (io.BytesIO(content), called), **fields}
    options = {"data": form, "headers": WITHOUT_WAITING, "content_type": "multipart/form-data"}
    return api.send("POST", "/v1/datasets", expect, **options).json


def files_below(context: Context) -> set[str]:
    root = context.settings.artifact_folder
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("worker")
def test_several_files_of_a_form_are_one_table(api: ApiClient, context: Context) -> None:
    more = b"kind,width\na,3.5\nb,4.5\n"
    files = [(io.BytesIO(CSV), "1.csv"), (io.BytesIO(more), "2.csv")]
    form = {"name": "both", "target": "kind", "file": files, "split": '{"validation": 0, "test": 0}'}
    dataset: Any = api.send("POST", "/v1/datasets", 201, data=form, content_type="multipart/form-data").json
    assert (dataset["rows"], dataset["file"]["name"], dataset["file"]["more"]) == (4, "1.csv", ["2.csv"])
    rows = api.get("/v1/datasets/both/rows")["items"]
    assert [row["instance"]["width"] for row in rows] == [1.5, 2.5, 3.5, 4.5]
    files = [(io.BytesIO(CSV), "1.csv"), (io.BytesIO(b"width,colour\n1,a\n"), "2.csv")]
    form = {"name": "wrong", "target": "kind", "file": files}
    problem: Any = api.send("POST", "/v1/datasets", 422, data=form, content_type="multipart/form-data").json
    assert {error["file"] for error in problem["errors"]} == {"2.csv"}
    assert not [path for path in files_below(context) if "upload-" in path]


def test_a_file_waits_whole_for_its_import_with_what_was_asked(api: ApiClient, context: Context) -> None:
    dataset = upload(api, split='{"validation": 0.2, "test": 0.2}', ignore='["width"]', csv="{}")
    assert (dataset["status"], dataset["source"], dataset["progress"]) == ("processing", "upload", None)
    digest = hashlib.sha256(CSV).hexdigest()
    assert dataset["file"] == {"name": "flowers.csv", "bytes": len(CSV), "sha256": digest}
    folder = context.artifacts.folder(f"uploads/{dataset['id']}")
    assert (folder / "data").read_bytes() == CSV
    assert orjson.loads((folder / "request.json").read_bytes()) == {
        "name": "flowers",
        "source": "upload",
        "file": dataset["file"],
        "target": "kind",
        "split": {"validation": 0.2, "test": 0.2},
        "ignore": ["width"],
        "csv": {},
    }
    stored = ("SHA256SUMS", "data", "request.json")
    assert files_below(context) == {f"uploads/{dataset['id']}/{name}" for name in stored}
    api.delete("/v1/datasets/flowers")
    assert files_below(context) == set()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('["a", "b"]', ["a", "b"]),
        (["a", "b"], ["a", "b"]),
        (["1", "[]"], ["1", "[]"]),
        ("a", ["a"]),
        ("12", ["12"]),
    ],
)
def test_a_list_is_a_field_of_json_or_a_field_for_each_item(
    api: ApiClient, context: Context, sent: str | list[str], kept: list[str]
) -> None:
    dataset = upload(api, ignore=sent)
    folder = context.artifacts.folder(f"uploads/{dataset['id']}")
    assert orjson.loads((folder / "request.json").read_bytes())["ignore"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a b.csv", "a b.csv"),
        ("x\x01y.csv", "xy.csv"),
        ("ä" * 300, "ä" * 255),
    ],
)
def test_a_files_name_is_kept_without_folders(api: ApiClient, sent: str, kept: str) -> None:
    assert upload(api, called=sent)["file"]["name"] == kept


@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"split": "{"}, "#/split", "must be JSON"),
        ({"split": "[1]"}, "#/split", "must be an object"),
        ({"ignore": '"width"'}, "#/ignore", "must be a list"),
        ({"ignore": '["width"'}, "#/ignore", "must be JSON"),
        ({"csv": ""}, "#/csv", "must be JSON"),
        ({"tarjet": "kind"}, "#/tarjet", "is unknown"),
        ({"inputs": "[1]"}, "#/inputs", "is unknown"),
        ({"name": "-flowers"}, "#/name", "must be"),
        ({"name": ["a", "b"]}, "#/name", "sent 2 times"),
        ({"file": "text"}, "#/file", "must be a file"),
        ({"fiel": (io.BytesIO(b"1"), "a.csv")}, "#/fiel", "is unknown"),
    ],
)
def test_a_form_with_a_fault_is_a_422_and_leaves_nothing(
    api: ApiClient, context: Context, fields: dict[str, Any], pointer: str, says: str
) -> None:
    faults = {fault["pointer"]: fault["detail"] for fault in upload(api, 422, **fields)["errors"]}
    assert says in faults[pointer]
    assert files_below(context) == set()


def test_a_form_without_a_file_is_a_422(api: ApiClient) -> None:
    response = api.send("POST", "/v1/datasets", 422, data={"name": "a"}, content_type="multipart/form-data")
    assert response.json is not None
    assert [fault["pointer"] for fault in response.json["errors"]] == ["#/file"]


def test_an_upload_can_not_be_claimed_in_json(api: ApiClient) -> None:
    problem = api.post("/v1/datasets", {"name": "a", "source": "upload"}, 422)
    assert problem["errors"][0]["pointer"] == "#/source"
    problem = api.post("/v1/datasets", {"name": "a", "source": "upload", "file": "/etc/passwd"}, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["#/file", "#/source"]
    assert (
        api.post("/v1/datasets", {"name": "a", "source": "line", "file": {}}, 422)["errors"][0]["pointer"] == "#/file"
    )


def test_other_types_are_a_415_that_names_both(api: ApiClient) -> None:
    problem = api.send("POST", "/v1/datasets", 415, data=CSV, content_type="text/csv").json
    assert problem is not None
    assert "application/json or multipart/form-data" in problem["detail"]
    api.send("POST", "/v1/evaluations", 415, data={"file": (io.BytesIO(CSV), "a.csv")})


def test_a_taken_name_leaves_the_first_upload_alone(api: ApiClient, context: Context) -> None:
    upload(api)
    before = files_below(context)
    assert upload(api, 409, b"other")["type"] == "/problems/name-taken"
    assert files_below(context) == before


def test_an_upload_over_the_limit_is_a_413_that_names_it(api: ApiClient, context: Context) -> None:
    problem = upload(api, 413, b"x" * 300_001)
    assert "300,000 bytes" in problem["detail"]
    problem = upload(api, 413, types="[" * 300_001)
    assert "300,000 bytes" in problem["detail"]
    assert files_below(context) == set()
    upload(api, 202, b"x" * 250_000)
    many: dict[str, Any] = {f"field{number}": "" for number in range(70)}
    assert "64 parts" in upload(api, 413, **many)["detail"]


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        (b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1,2', "; boundary=B"),
        (b"--B\r\n\r\n1\r\n--B--", "; boundary=B"),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--", "; boundary=B"),
        (b"1,2", "; boundary=B"),
        (b"--B--", ""),
    ],
)
def test_a_form_that_is_broken_is_a_400(api: ApiClient, context: Context, body: bytes, parameters: str) -> None:
    response = api.send("POST", "/v1/datasets", 400, data=body, content_type=f"multipart/form-data{parameters}")
    assert response.json is not None
    assert response.json["type"] == "/problems/malformed-body"
    assert files_below(context) == set()


class FullDisk(FolderStore):
    """A store on whose disk the data of uploads finds no room: Linux's /dev/full takes nothing."""

    def stage(self, name: str) -> Path:
        folder = super().stage(name)
        (folder / "data").symlink_to("/dev/full")
        return folder


def test_a_full_disk_is_a_507_and_leaves_nothing(context: Context) -> None:
    full = Context(context.settings, context.database, FullDisk(context.settings.artifact_folder))
    api = ApiClient(FrontClient(make_front(full)))
    for content in (CSV, b"x" * 200_000):
        assert upload(api, 507, content)["type"] == "/problems/disk-full"
        assert not list(context.settings.artifact_folder.rglob("*data*"))
    api.get("/v1/datasets/flowers", 404)
    headers = {**WITHOUT_WAITING, "Idempotency-Key": "once"}
    for client, expect in ((api, 507), (ApiClient(FrontClient(make_front(context))), 202)):
        form = {"name": "flowers", "target": "kind", "file": (io.BytesIO(CSV), "a.csv")}
        client.send("POST", "/v1/datasets", expect, data=form, headers=headers)


def test_the_import_shows_how_far_it_is(api: ApiClient, context: Context, idle_worker: FakeWorker) -> None:
    upload(api)
    claimed = idle_worker.claim("import")
    assert claimed is not None
    recording.record(context, claimed[0], [NewEvent("progress", {"fraction": 0.4})], progress={"fraction": 0.4})
    assert api.get("/v1/datasets/flowers")["progress"] == {"fraction": 0.4}
    assert api.get("/v1/datasets")["items"][0]["progress"] == {"fraction": 0.4}


def test_an_import_that_fails_says_where_and_leaves_no_files(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    upload(api)
    claimed = idle_worker.claim("import")
    assert claimed is not None
    error = InvalidData(Fault("Row 3 has 2 fields.", row=3, column="width", file="flowers.csv"))
    execution.fail(context, claimed[0], error.to_dict())
    dataset = api.get("/v1/datasets/flowers")
    assert (dataset["status"], dataset["progress"]) == ("failed", None)
    assert dataset["error"]["errors"] == [
        {"detail": "Row 3 has 2 fields.", "row": 3, "column": "width", "file": "flowers.csv"}
    ]
    assert files_below(context) == set()


def test_what_killed_requests_left_is_removed_after_an_hour(api: ApiClient, context: Context) -> None:
    waiting = upload(api)
    for folder in (".staging/upload_1", ".staging/upload_2", "uploads/ds_1", "uploads/ds_2", ".staging/ij_1-1"):
        (context.artifacts.root / folder).mkdir(parents=True)
        (context.artifacts.root / folder / "data").write_bytes(CSV)
    for path in context.artifacts.root.rglob("*"):
        if path.parts[-1].endswith("_2") or path.parts[-2].endswith("_2"):
            continue
        os.utime(path, (0, 0))
    housekeeping.clean_up(context)
    assert {str(Path(name).parent) for name in files_below(context)} == {
        ".staging/upload_2", "uploads/ds_2", f"uploads/{waiting['id']}",
    }  # fmt: skip


HEAD = (
    b"POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n"
    b'%s\r\n\r\n--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
)


@pytest.mark.parametrize("framing", [b"Content-Length: 50000000", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("reset", [False, True])
def test_an_upload_that_is_cut_off_leaves_nothing(server: Server, framing: bytes, reset: bool) -> None:
    head, _, rest = (HEAD % framing).partition(b"\r\n\r\n")
    rest += b"1,2\n" * 500_000
    rest = rest if framing.startswith(b"Content") else b"%x\r\n" % len(rest) + rest
    before = server.get("/v1/datasets").json()["items"], files_below(server.context)
    address = server.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(head + b"\r\n\r\n" + rest)
        if reset:  # without lingering, closing sends RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: files_below(server.context) == before[1], what="the file to be removed")
    assert server.get("/v1/datasets").json()["items"] == before[0]
    assert server.get("/readyz").status_code == 200


@pytest.mark.parametrize("framing", [b"Content-Length: 50000", b"Transfer-Encoding: chunked"])
def test_a_client_that_ends_its_upload_too_soon_is_told_so(server: Server, framing: bytes) -> None:
    head, _, rest = (HEAD % framing).partition(b"\r\n\r\n")
    rest = rest if framing.startswith(b"Content") else b"9999\r\n" + rest
    address = server.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(head + b"\r\n\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    problem = orjson.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["type"] == "/problems/bad-request"
    assert "was cut off" in problem["detail"]


def test_a_large_upload_passes_through_little_memory(server: Server) -> None:
    (child,) = psutil.Process(server.process.pid).children()
    before = child.memory_info().rss
    peak = 0

    def body() -> Iterator[bytes]:
        nonlocal peak
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(100):
            yield b"1.25,2.5\n" * 100_000
            peak = max(peak, child.memory_info().rss)
        yield b'\r\n--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nlarge\r\n--B\r\n'
        yield b'Content-Disposition: form-data; name="target"\r\n\r\na\r\n--B--\r\n'

    headers = {"Content-Type": "multipart/form-data; boundary=B", **WITHOUT_WAITING}
    response = requests.post(f"{server.url}/v1/datasets", data=body(), headers=headers, timeout=60)
    assert response.status_code == 202, response.text
    assert response.json()["file"]["bytes"] == 90_000_000
    assert peak - before < 30e6


def test_every_fault_of_a_form_is_told_at_once(api: ApiClient, context: Context) -> None:
    fields: dict[str, Any] = {"tarjet": "kind", "types": '{"width": "nubmer"}', "split": '{"test": 2}'}
    problem = upload(api, expect=422, **fields)
    assert [error["pointer"] for error in problem["errors"]] == ["#/tarjet", "#/types/width", "#/split/test"]
    problem = upload(api, expect=422, content=b"", target="")
    assert any(error["detail"] == 'The file "flowers.csv" is empty.' for error in problem["errors"])
    assert files_below(context) == set()
