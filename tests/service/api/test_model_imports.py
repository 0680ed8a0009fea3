"""Networks posted as files: the models and versions they become, and what is wrong with them.

The worker's reader is a fake; the readers of real files have tests of their own."""

import hashlib
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from models.errors import Fault, InvalidSpec
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds.model_import import KIND
from service.operations.upkeep import housekeeping
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import HDF5, FakeWorker, model_file, onnx_file

KERAS = model_file()
CLASSES = '["setosa", "versicolor", "virginica"]'
WITHOUT_WAITING = {"Prefer": "wait=0"}


def send(
    api: ApiClient, path: str, expect: int, content: bytes, called: str, headers: dict[str, str], **fields: Any
) -> Any:
    form = {"file": (io.BytesIO(content), called), **fields}
    form = {name: value for name, value in form.items() if value is not None}
    return api.send("POST", path, expect, data=form, headers=headers, content_type="multipart/form-data")


def upload(
    api: ApiClient, expect: int = 201, content: bytes = KERAS, called: str = "model.keras", **fields: Any
) -> Any:
    fields = {"name": "flowers", "task": "multiclass", "classes": CLASSES} | fields
    return send(api, "/v1/models", expect, content, called, {}, **fields).json


def add(api: ApiClient, expect: int = 201, content: bytes = KERAS, called: str = "model.keras", **fields: Any) -> Any:
    return send(api, "/v1/models/flowers/versions", expect, content, called, {}, **fields).json


def faults(problem: Any) -> dict[str, str]:
    return {fault["pointer"]: fault["detail"] for fault in problem["errors"]}


def files_below(context: Context) -> set[str]:
    root = context.settings.artifact_folder
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def kept_files(context: Context) -> set[str]:
    """The files below the artifact folder, once the worker has removed what its jobs read and left unpublished."""

    def is_tidy() -> bool:
        return not [name for name in files_below(context) if name.startswith(("uploads", ".staging", ".removed"))]

    wait_for(is_tidy, what="the worker to tidy up")
    return files_below(context)


@pytest.mark.usefixtures("worker")
def test_a_file_becomes_a_model_with_a_version_that_predicts(api: ApiClient, context: Context) -> None:
    response = send(
        api, "/v1/models", 201, KERAS, "model.keras", {}, name="flowers", task="multiclass", classes=CLASSES,
        description="Of a notebook.", metadata='{"team": "vision"}', input='{"scaling": "unit"}',
    )  # fmt: skip
    model, source = response.json, {"format": "keras", "sha256": hashlib.sha256(KERAS).hexdigest()}
    assert response.headers["Location"] == "/v1/models/flowers"
    assert model["source"] == source | {"file": "model.keras"}
    assert (model["status"], model["task"], model["trainable"]) == ("ready", "multiclass", True)
    assert (model["description"], model["metadata"]) == ("Of a notebook.", {"team": "vision"})
    assert (model["latest_version"], model["layers"][0]["name"], model["notes"]) == (1, "top", [])
    version = api.get("/v1/models/flowers/versions/1")
    assert (version["status"], version["training_job"], version["dataset"]) == ("available", None, None)
    assert (version["source"], version["classes"]) == (model["source"], ["setosa", "versicolor", "virginica"])
    assert version["links"]["training_job"] is None
    answer = api.post("/v1/models/flowers/predictions", {"instances": [[255, 0, 255, 0]]}, 200)
    assert answer["predictions"][0]["label"] == "setosa"
    assert answer["predictions"][0]["scores"] == [2.0, 0.0, 0.0]
    assert api.get("/v1/models/flowers")["model_version_status"][0]["state"] == "AVAILABLE"
    assert api.get("/v1/models")["items"][0]["source"] == model["source"]
    assert {Path(name).parts[0] for name in kept_files(context)} == {"models"}


def test_what_is_shown_of_imports_is_as_documented(api: ApiClient, idle_worker: FakeWorker) -> None:
    document = api.get("/openapi.json")
    shown: list[tuple[str, Any]] = []

    def show(schema: str, path: str) -> None:
        shown.append((schema, api.get(path)))

    for name, file in (("keras", KERAS), ("onnx", onnx_file())):
        fields = {"name": name, "classes": CLASSES}
        send(api, "/v1/models", 202, file, f"a.{name}", WITHOUT_WAITING, **fields)
        for run in (lambda: None, idle_worker.run_all):
            run()
            show("Model", f"/v1/models/{name}")
            show("Version", f"/v1/models/{name}/versions/1")
    send(api, "/v1/models/keras/versions", 202, model_file(inputs=5), "a.keras", WITHOUT_WAITING)
    idle_worker.run_all()
    show("Version", "/v1/models/keras/versions/2")
    for schema, answer in shown:
        validator = OAS31Validator(document | {"$ref": f"#/components/schemas/{schema}"})
        assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer)] == []


@pytest.mark.usefixtures("worker")
def test_what_a_file_does_not_say_is_inferred_and_noted(api: ApiClient) -> None:
    model = upload(api, task=None, classes=None)
    assert (model["task"], model["notes"]) == ("multiclass", ["The file doesn't name the classes: they are numbers."])
    version = api.get("/v1/models/flowers/versions/1")
    assert (version["classes"], version["notes"]) == ([0, 1, 2], model["notes"])


@pytest.mark.usefixtures("worker")
def test_an_imported_model_is_trained_further(api: ApiClient) -> None:
    upload(api)
    rows = {"inputs": [[0, 1, 2, 3]] * 6, "targets": ["setosa", "versicolor", "virginica"] * 2}
    api.post("/v1/datasets", {"name": "few", "source": "inline", **rows})
    request = {"model": "flowers", "dataset": "few", "epochs": 2, "start_from": {"version": 1}}
    job = api.post("/v1/training-jobs", request, Prefer="wait=20")
    assert (job["status"], job["version"]) == ("succeeded", 2)
    assert api.get("/v1/models/flowers/versions/2")["dataset"] == "few"


@pytest.mark.usefixtures("worker")
def test_a_version_is_added_from_a_file_with_what_the_model_says(api: ApiClient) -> None:
    upload(api, input='{"scaling": "unit"}')
    response = send(api, "/v1/models/flowers/versions", 201, model_file(HDF5), "old.h5", {})
    assert response.headers["Location"] == "/v1/models/flowers/versions/2"
    version = response.json
    assert (version["version"], version["source"]["format"], version["source"]["file"]) == (2, "h5", "old.h5")
    assert version["classes"] == ["setosa", "versicolor", "virginica"]
    assert version["inputs"][0]["scaling"] == "unit"
    model = api.get("/v1/models/flowers")
    assert (model["latest_version"], model["source"]["file"]) == (2, "model.keras")
    api.put("/v1/models/flowers/labels/champion", {"version": 2}, 201)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("file", "fields", "pointer", "says"),
    [
        (KERAS, {"task": "regression"}, "#/task", "task is multiclass"),
        (KERAS, {"name": "other"}, "#/name", 'The path names the model "flowers"'),
        (KERAS, {"classes": '["a", "b", "c"]'}, "#/classes", "other classes"),
        (model_file(inputs=5), {}, "#/file", "has the shape [4], that of the file [5]"),
        (model_file(activation="relu"), {}, "#/file", "`activation` of the layer"),
        (onnx_file(), {}, "#/file", "which can't be trained"),
    ],
    ids=["task", "name", "classes", "shape", "activation", "onnx"],
)
def test_a_version_that_is_unlike_the_model_is_refused(
    api: ApiClient, context: Context, file: bytes, fields: dict[str, str], pointer: str, says: str
) -> None:
    upload(api)
    before = kept_files(context)
    assert says in faults(add(api, 422, file, "model", **fields))[pointer]
    assert (kept_files(context), api.get("/v1/models/flowers")["latest_version"]) == (before, 1)
    assert api.get("/v1/models/flowers/versions")["items"][0]["version"] == 1
    api.get("/v1/models/flowers/versions/2", 404)
    assert add(api, name="flowers")["version"] == 2


@pytest.mark.usefixtures("worker")
def test_a_model_from_onnx_predicts_but_can_not_be_trained(api: ApiClient) -> None:
    model = upload(api, content=onnx_file(), called="model.onnx")
    assert (model["trainable"], model["layers"], model["source"]["format"]) == (False, [], "onnx")
    assert api.send("GET", "/v1/models/flowers/summary", 200, headers={"Accept": "text/plain"}).text == "a network\n"
    assert api.post("/v1/models/flowers/predictions", {"instances": [[1, 2, 3, 4]]}, 200)["predictions"]
    assert api.get("/v2/models/flowers")["versions"] == ["1"]
    assert api.get("/v1/models/flowers/metadata")["model_spec"]["name"] == "flowers"
    api.post("/v1/datasets", {"name": "few", "source": "inline", "inputs": [[1, 2, 3, 4]], "targets": ["setosa"]})
    training = {"model": "flowers", "dataset": "few", "epochs": 2}
    assert api.post("/v1/training-jobs", training, 409)["type"] == "/problems/not-trainable"
    assert api.post("/v1/training-jobs", training | {"start_from": {"version": 1}}, 409)["type"].endswith("trainable")
    spec = {
        "name": "top", "task": "multiclass", "input": {"shape": [4]}, "optimizer": "adam",
        "loss": "categorical_crossentropy", "layers": [{"type": "Pretrained", "model": "flowers", "version": 1}],
    }  # fmt: skip
    assert api.post("/v1/models", spec, 409)["type"] == "/problems/not-trainable"
    for format_ in ("keras", "saved_model"):
        assert "imported as ONNX" in api.get(f"/v1/models/flowers/versions/1/artifacts/{format_}", 404)["detail"]
    assert "imported as ONNX" in api.get("/v1/models/flowers/versions/1/weights", 404)["detail"]
    api.send("GET", "/v1/models/flowers/versions/1/artifacts/onnx", 200)
    assert add(api, content=onnx_file(), called="model.onnx")["version"] == 2
    assert "can't be trained, the file" in faults(add(api, 422, KERAS))["#/file"]


@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"task": "classification"}, "#/task", "must be one of regression, binary, multiclass, multilabel"),
        ({"classes": "cat"}, "#/classes", "JSON list"),
        ({"classes": "cat,dog", "task": None}, "#/classes", "JSON list"),
        ({"classes": '{"cat": 1}'}, "#/classes", "must be a list"),
        ({"classes": '["cat"'}, "#/classes", "must be JSON"),
        ({"classes": "[]"}, "#/classes", "at least one"),
        ({"classes": '["a", "b", "a"]'}, "#/classes", "twice"),
        ({"classes": '["a", 1]'}, "#/classes", "can't mix"),
        ({"classes": "[1, true]"}, "#/classes", "can't mix"),
        ({"classes": "[1, null]"}, "#/classes", "null"),
        ({"classes": "[1.5, 2]"}, "#/classes", "fraction"),
        ({"task": "binary"}, "#/classes", "2 classes"),
        ({"task": "regression"}, "#/classes", "omit it"),
        ({"name": "-x"}, "#/name", "must be"),
        ({"name": None}, "#/name", "required"),
        ({"name": "x\0"}, "#/name", "must be"),
        ({"file": None}, "#/file", "required"),
        ({"file": "text"}, "#/file", "must be a file"),
        ({"file": [(io.BytesIO(KERAS), "a.keras"), (io.BytesIO(KERAS), "b.keras")]}, "#/file", "sent 2 times"),
        ({"input": "[1]"}, "#/input", "must be an object"),
        ({"input": '{"scaling": "standard"}'}, "#/input/scaling", "none, unit"),
        ({"input": '{"shape": [0]}'}, "#/input/shape/0", "integer between 1"),
        ({"input": '{"shape": []}'}, "#/input/shape", "integers"),
        ({"clases": "[]"}, "#/clases", "unknown"),
        ({"layers": "[]"}, "#/layers", "unknown"),
        ({"metadata": '{"a": 1}'}, "#/metadata/a", "string"),
    ],
)
def test_a_form_with_a_fault_is_a_422_that_points_to_the_field(
    api: ApiClient, context: Context, fields: dict[str, Any], pointer: str, says: str
) -> None:
    assert says in faults(upload(api, 422, **fields))[pointer]
    assert files_below(context) == set()


def test_a_misspelled_field_gets_a_suggestion(api: ApiClient) -> None:
    (fault,) = upload(api, 422, classes=None, clases=CLASSES)["errors"]
    assert fault["did_you_mean"] == "classes"


@pytest.mark.parametrize(
    ("content", "called", "says"),
    [
        (b"", "model.keras", "The file is empty"),
        (b"a,b\n1,2\n", "model.keras", "none of these"),
        (b'{"name": "x"}', "model.onnx", "none of these"),
        (onnx_file()[:40], "model.onnx", "incomplete"),
        (b"\x80\x04\x95\x00", "model.pkl", "pickle"),
        (b"PK\x03\x04".ljust(26, b"\0") + b"\x10\0\0\0archive/data.pkl", "model.pt", "torch.onnx.export"),
        (b"PK\x03\x04".ljust(26, b"\0") + b"\x12\0\0\0net/saved_model.pb", "model.zip", "SavedModel"),
        (b"\x08\x01\x12\x05abcde", "saved_model.pb", "SavedModel"),
        (KERAS, "model.h5", "its content is a Keras archive"),
        (model_file(HDF5), "model.keras", "its content is an HDF5 file"),
        (onnx_file(), "model.keras", "its content is an ONNX model"),
    ],
)
def test_a_file_of_another_format_is_refused_at_once(
    api: ApiClient, context: Context, content: bytes, called: str, says: str
) -> None:
    assert says in faults(upload(api, 422, content, called))["#/file"]
    assert files_below(context) == set()
    assert api.get("/v1/models")["items"] == []


@pytest.mark.parametrize(("sent", "kept"), [("../../etc/model.keras", "model.keras"), ("a\x01b\x07.keras", "ab.keras")])
def test_a_files_name_is_shown_without_folders_and_control_characters(api: ApiClient, sent: str, kept: str) -> None:
    model = send(api, "/v1/models", 202, KERAS, sent, WITHOUT_WAITING, name="flowers").json
    assert model["source"]["file"] == kept


@pytest.mark.usefixtures("worker")
def test_a_file_with_a_fault_leaves_nothing(api: ApiClient, context: Context) -> None:
    problem = upload(api, 422, model_file(layer="Lambda"))
    assert (problem["type"], faults(problem)["#/file"]) == (
        "/problems/invalid-spec", 'The layer "odd" is a Lambda, which runs code.',
    )  # fmt: skip
    assert "3 outputs, for 2 classes" in faults(upload(api, 422, classes='["a", "b"]'))["#/classes"]
    api.get("/v1/models/flowers", 404)
    assert kept_files(context) == set()
    upload(api)


def test_an_import_that_outlasts_the_wait_is_followed_at_its_location(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    fields = {"name": "flowers", "classes": CLASSES}
    response = send(api, "/v1/models", 202, KERAS, "model.keras", WITHOUT_WAITING, **fields)
    assert (response.headers["Location"], response.headers["Retry-After"]) == ("/v1/models/flowers", "1")
    model = response.json
    assert (model["status"], model["task"], model["layers"], model["latest_version"]) == ("building", None, [], None)
    assert model["source"]["format"] == "keras"
    assert api.get("/v1/models/flowers/versions/1")["status"] == "processing"
    assert add(api, 409)["type"] == "/problems/not-ready"
    api.send("GET", "/v1/models/flowers/versions/1/artifacts/onnx", 409)
    api.send("DELETE", "/v1/models/flowers/versions/1", 409)
    idle_worker.run_all()
    assert api.get("/v1/models/flowers")["task"] == "multiclass"
    response = send(api, "/v1/models/flowers/versions", 202, KERAS, "model.keras", WITHOUT_WAITING)
    assert response.headers["Location"] == "/v1/models/flowers/versions/2"
    assert (response.json["version"], response.json["status"], response.json["servable"]) == (2, "processing", False)
    assert api.get("/v1/models/flowers")["latest_version"] == 1
    idle_worker.run_all()
    assert api.get("/v1/models/flowers/versions/2")["status"] == "available"


def test_an_import_that_fails_later_says_why(api: ApiClient, context: Context, idle_worker: FakeWorker) -> None:
    send(api, "/v1/models", 202, model_file(layer="Lambda"), "a.keras", WITHOUT_WAITING, name="flowers")
    idle_worker.run_all()
    model = api.get("/v1/models/flowers")
    assert (model["status"], model["error"]["errors"][0]["pointer"]) == ("failed", "#/file")
    assert upload(api, 409)["type"] == "/problems/name-taken"
    api.delete("/v1/models/flowers")
    fields = {"name": "flowers", "classes": CLASSES}
    send(api, "/v1/models", 202, KERAS, "model.keras", WITHOUT_WAITING, **fields)
    idle_worker.run_all()
    send(api, "/v1/models/flowers/versions", 202, model_file(inputs=5), "a.keras", WITHOUT_WAITING)
    idle_worker.run_all()
    version = api.get("/v1/models/flowers/versions/2")
    assert (version["status"], version["error"]["errors"][0]["pointer"]) == ("failed", "#/file")
    assert api.get("/v1/models/flowers")["status"] == "ready"
    api.delete("/v1/models/flowers/versions/2")
    api.get("/v1/models/flowers/versions/2", 404)
    assert not [name for name in files_below(context) if name.startswith("uploads")]


@pytest.mark.parametrize("path", ["/v1/models/flowers", "/v1/models/flowers/versions/2"])
def test_what_is_being_imported_can_be_deleted(
    api: ApiClient, context: Context, idle_worker: FakeWorker, path: str
) -> None:
    fields = {"name": "flowers", "classes": CLASSES}
    send(api, "/v1/models", 202, KERAS, "model.keras", WITHOUT_WAITING, **fields)
    idle_worker.run_all()
    send(api, "/v1/models/flowers/versions", 202, KERAS, "model.keras", WITHOUT_WAITING)
    claimed = idle_worker.claim(KIND.name)
    assert claimed is not None
    api.delete(path)
    api.get(path, 404)
    execution.cancelled(context, claimed[0])
    assert not [name for name in files_below(context) if name.startswith("uploads")]


def test_two_imports_of_one_name_make_one_model(api: ApiClient, context: Context) -> None:
    statuses: list[int] = []

    def import_one() -> None:
        form = {"name": "flowers", "file": (io.BytesIO(KERAS), "model.keras")}
        response = api.http.post("/v1/models", data=form, headers=WITHOUT_WAITING)
        statuses.append(response.status_code)

    threads = [threading.Thread(target=import_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202, 409, 409, 409]
    assert len({Path(name).parts[1] for name in files_below(context)}) == 1


@pytest.mark.usefixtures("worker")
def test_a_repeated_import_with_an_idempotency_key_is_done_once(api: ApiClient) -> None:
    once = {"Idempotency-Key": "once"}
    fields = {"name": "flowers", "classes": CLASSES}
    first = send(api, "/v1/models", 201, KERAS, "model.keras", once, **fields)
    again = send(api, "/v1/models", 201, KERAS, "model.keras", once, **fields)
    assert (again.headers["Idempotency-Replayed"], again.json["id"]) == ("true", first.json["id"])
    send(api, "/v1/models", 422, model_file(outputs=2), "model.keras", once, **fields)
    path, key = "/v1/models/flowers/versions", {"Idempotency-Key": "version"}
    versions = [send(api, path, 201, KERAS, "model.keras", key).json["version"] for _ in range(2)]
    assert versions == [2, 2]
    assert len(api.get(path)["items"]) == 2


def test_a_file_over_the_limit_is_a_413(api: ApiClient, context: Context) -> None:
    assert "400,000 bytes" in upload(api, 413, KERAS.ljust(400_001, b"x"))["detail"]
    assert "400,000 bytes" in upload(api, 413, classes="[" * 400_001)["detail"]
    assert files_below(context) == set()


def test_a_dry_run_of_a_file_is_refused(api: ApiClient, context: Context) -> None:
    problem = send(api, "/v1/models?dry_run=true", 400, KERAS, "model.keras", {}, name="flowers").json
    assert problem["errors"][0]["parameter"] == "dry_run"
    assert files_below(context) == set()


def test_a_form_for_an_unknown_model_is_a_404_and_a_bare_file_a_415(api: ApiClient, context: Context) -> None:
    send(api, "/v1/models/none/versions", 404, KERAS, "model.keras", {})
    for path in ("/v1/models", "/v1/models/none/versions"):
        api.send("POST", path, 415, data=KERAS, content_type="application/octet-stream")
    assert files_below(context) == set()


def test_a_reader_that_crashes_is_no_reason_to_try_for_ever(api: ApiClient, context: Context) -> None:
    crash = KIND.explain_crash("SIGSEGV")
    assert crash is not None
    assert (crash["code"], crash["faults"][0]["pointer"]) == ("invalid-spec", "#/file")
    assert KIND.explain_timeout(context.settings, context.settings.build_seconds) is None
    for error in (KIND.explain_timeout(context.settings, 1e6), KIND.explain_stall(context.settings)):
        assert error is not None
        assert error["faults"][0]["pointer"] == "#/file"


def test_a_job_that_waits_for_an_import_fails_with_it(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    send(api, "/v1/models", 202, KERAS, "model.keras", WITHOUT_WAITING, name="flowers")
    api.post("/v1/datasets", {"name": "iris", "source": "iris"}, 202, Prefer="wait=0")
    job = api.post("/v1/training-jobs", {"model": "flowers", "dataset": "iris", "epochs": 1}, 202)
    assert job["status_reason"] == "waiting_for_model"
    claimed = idle_worker.claim(KIND.name)
    assert claimed is not None
    execution.fail(context, claimed[0], InvalidSpec(Fault("It is odd.", "#/file")).to_dict())
    assert api.get(f"/v1/training-jobs/{job['id']}")["status"] == "failed"


def test_the_file_of_a_waiting_import_is_kept_by_the_cleanup(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    send(api, "/v1/models", 202, KERAS, "model.keras", WITHOUT_WAITING, name="flowers")
    for path in context.artifacts.root.rglob("*"):
        os.utime(path, (0, 0))
    housekeeping.clean_up(context)
    idle_worker.run_all()
    assert api.get("/v1/models/flowers")["status"] == "ready"
