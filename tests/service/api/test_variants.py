"""Variants over HTTP: made, compared, refused, made again, deleted; and predictions with them in every protocol."""

import json
from typing import Any

import pytest

from models.jobs.evaluation import EvaluationAssignment
from service.context import Context
from service.operations.jobs.registry import kind_of
from tests.journeys.specs import LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import DROP, FakeWorker
from tests.service.api.prepared_data import PreparedData

VERSION = "/v1/models/line/versions/1"
URL = f"{VERSION}/variants"
INT8 = f"{URL}/int8"
WANTED = {"type": "int8"}
INSTANCES = {"instances": [[5]]}
LABEL = "/v1/models/line/labels/champion"
SMALL = {"version": 1, "variant": "int8"}
BATCHES = "/v1/batch-predictions"


def train_line_and_make_variant(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.make_line()
        api.train_line()
        api.post(URL, WANTED, Prefer="wait=20")


@pytest.fixture
def quantized(api: ApiClient, context: Context, prepared: PreparedData) -> ApiClient:
    """A client of an app with a version of `line`, which predicts what it is given, and a variant of it, which predicts
    twice that."""
    prepared.copy(train_line_and_make_variant, context)
    return api


def value_of(api: ApiClient, path: str, expect: int = 200) -> float:
    (prediction,) = api.post(path, INSTANCES, expect)["predictions"]
    return float(prediction["value"])


def folders_of(group: str, context: Context) -> int:
    return len(list((context.settings.artifact_folder / group).glob("*/*")))


def test_a_variant_is_a_job_and_then_an_item_with_figures(trained: ApiClient, idle_worker: FakeWorker) -> None:
    response = trained.send("POST", URL, 202, json=WANTED)
    job: Any = response.json
    assert response.headers["Location"] == job["links"]["self"] == f"/v1/variant-jobs/{job['id']}"
    assert job["id"].startswith("va_")
    assert (job["status"], job["type"], job["max_accuracy_drop"]) == ("queued", "int8", 0.01)
    assert (job["model"], job["version"], job["dataset"], job["dataset_version"]) == ("line", 1, "line", 1)
    assert trained.get(VERSION)["links"]["variants"] == URL
    (item,) = trained.get(URL)["items"]
    assert (item["status"], item["job"], item["bytes"], item["certified"]) == ("processing", job["id"], None, False)
    assert trained.post(f"{VERSION}/predictions?variant=int8", INSTANCES, 404)["type"] == "/problems/not-found"

    idle_worker.run_all()
    (item,) = trained.get(URL)["items"]
    assert item == trained.get(INT8)
    assert (item["type"], item["version"], item["status"], item["error"]) == ("int8", 1, "ready", None)
    assert item["metrics"] == {"variant": {"r2": 0.9}, "version": {"r2": 0.9 + DROP}}
    assert (item["drop"], item["agreement"], item["speedup"], item["certified"]) == (DROP, 0.9, 2.0, True)
    assert item["version_bytes"] == 3 * item["bytes"]
    assert item["links"] == {
        "self": INT8,
        "version": VERSION,
        "job": f"/v1/variant-jobs/{job['id']}",
        "newer_job": None,
        "predictions": f"{VERSION}/predictions?variant=int8",
    }
    done = trained.get(job["links"]["self"])
    assert (done["status"], done["result"]["drop"], done["links"]["variant"]) == ("succeeded", DROP, INT8)
    trained.delete(job["links"]["self"])
    item = trained.get(INT8)
    assert (item["status"], item["job"], item["links"]["job"]) == ("ready", job["id"], None)


def test_a_variant_that_is_too_much_worse_fails_with_its_figures(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post(URL, WANTED | {"max_accuracy_drop": 0}, 202)
    idle_worker.run_all()
    failed = trained.get(job["links"]["self"])
    assert (failed["status"], failed["error"]["type"]) == ("failed", "/problems/accuracy-drop")
    item = trained.get(INT8)
    assert (item["status"], item["error"], item["drop"], item["certified"]) == ("failed", failed["error"], DROP, False)
    assert failed["error"]["figures"]["drop"] == DROP
    assert (item["max_accuracy_drop"], item["links"]["predictions"]) == (0, None)
    problem = trained.post(f"{VERSION}/predictions?variant=int8", INSTANCES, 404)
    detail = 'Version 1 of "line" has no variant "int8" that is ready.'
    assert problem["detail"] == f"{detail} The job {job['id']} failed. Its ready variants: none."
    trained.delete(INT8)
    assert trained.get(URL)["items"] == []
    trained.get(job["links"]["self"], 404)
    trained.delete(INT8, 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/type"),
        ({"type": "int4"}, "#/type"),
        (WANTED | {"max_accuracy_drop": 2}, "#/max_accuracy_drop"),
        (WANTED | {"dataset": "nothing"}, "#/dataset"),
        (WANTED | {"dataset_version": 7}, "#/dataset_version"),
        (WANTED | {"dataset": "wide"}, "#/dataset"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(
    trained: ApiClient, idle_worker: FakeWorker, body: dict[str, Any], pointer: str
) -> None:
    wide = {"name": "wide", "source": "inline", "inputs": [[1, 2]], "targets": [3]}
    trained.post("/v1/datasets", wide, 202, Prefer="wait=0")
    idle_worker.run_all()
    assert trained.post(URL, body, 422)["errors"][0]["pointer"] == pointer


def test_without_the_dataset_of_the_training_one_must_be_named(trained: ApiClient) -> None:
    trained.delete("/v1/datasets/line")
    (fault,) = trained.post(URL, WANTED, 422)["errors"]
    assert fault["pointer"] == "#/dataset"
    assert fault["detail"] == (
        'Version 1 of "line" was trained on the dataset "line", which was deleted: name the dataset to calibrate and '
        "measure on."
    )
    assert trained.post(URL, WANTED | {"dataset": "tested"}, 202)["dataset"] == "tested"
    for path in ("/v1/models/line/versions/2/variants", "/v1/models/nothing/versions/1/variants"):
        trained.post(path, WANTED, 404)
        trained.get(path, 404)


def test_one_job_at_a_time_makes_a_variant_and_a_key_makes_it_once(trained: ApiClient) -> None:
    job = trained.post(URL, WANTED, 202, Idempotency_Key="k")
    assert trained.post(URL, WANTED, 202, Idempotency_Key="k")["id"] == job["id"]
    assert job["id"] in trained.post(URL, WANTED, 409)["detail"]
    assert trained.patch(job["links"]["self"], {"desired_status": "cancelled"})["status"] == "cancelled"
    assert trained.get(URL)["items"] == []
    later = trained.post(URL, WANTED, 202)
    listed = trained.get("/v1/variant-jobs?status=queued&model=line")["items"]
    assert [each["id"] for each in listed] == [later["id"]]
    trained.delete(INT8)
    assert trained.get(later["links"]["self"])["status"] == "cancelled"


def test_a_variant_that_was_deleted_while_it_was_made_can_be_made_at_once(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    given_up = trained.post(URL, WANTED, 202)
    claimed = idle_worker.claim("variant")
    assert claimed is not None
    trained.delete(INT8)
    assert trained.get(given_up["links"]["self"])["status"] == "cancelling"
    trained.get(INT8, 404)
    job = trained.post(URL, WANTED, 202)
    idle_worker.finish(*claimed)
    assert trained.get(given_up["links"]["self"])["status"] == "cancelled"
    idle_worker.run_all()
    made = trained.get(INT8)
    assert (made["status"], made["job"]) == ("ready", job["id"])


def test_a_variant_waits_for_its_dataset(trained: ApiClient, idle_worker: FakeWorker) -> None:
    trained.post("/v1/datasets", named(LINE_DATASET, "late"), 202, Prefer="wait=0")
    job = trained.post(URL, WANTED | {"dataset": "late"}, 202)
    assert job["status_reason"] == "waiting_for_dataset"
    idle_worker.run_all()
    assert trained.get(INT8)["dataset"] == "late"


def test_a_new_variant_takes_the_place_of_the_old_one_when_it_succeeds(
    quantized: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    old = quantized.get(INT8)
    assert value_of(quantized, f"{VERSION}/predictions?variant=int8") == 10
    job = quantized.post(URL, WANTED, 202)
    again = quantized.get(INT8)
    assert (again["status"], again["job"], again["newer_job"]) == ("ready", old["job"], job["id"])
    assert folders_of("variants", context) == 1
    idle_worker.run_all()
    new = quantized.get(INT8)
    assert (new["status"], new["job"], new["newer_job"]) == ("ready", job["id"], None)
    assert folders_of("variants", context) == 1
    assert value_of(quantized, f"{VERSION}/predictions?variant=int8") == 10

    failed = quantized.post(URL, WANTED | {"max_accuracy_drop": 0}, 202)
    idle_worker.run_all()
    kept = quantized.get(INT8)
    assert (kept["status"], kept["job"], kept["newer_job"]) == ("ready", job["id"], failed["id"])
    assert folders_of("variants", context) == 1


def test_predictions_name_a_variant(quantized: ApiClient) -> None:
    plain = quantized.post(f"{VERSION}/predictions", INSTANCES, 200)
    assert list(plain) == ["model", "version", "classes", "predictions", "warnings"]
    for path in ("/v1/models/line", VERSION):
        answer = quantized.post(f"{path}/predictions?variant=int8", INSTANCES, 200)
        assert list(answer)[:3] == ["model", "version", "variant"]
        assert (answer["variant"], answer["predictions"]) == ("int8", [{"value": 10.0}])
    (fault,) = quantized.post(f"{VERSION}/predictions?variant=int4", INSTANCES, 400)["errors"]
    assert fault["parameter"] == "variant"
    quantized.post(f"{VERSION}/predictions?variant=int8&variant=int8", INSTANCES, 400)
    indented = quantized.post(f"{VERSION}/predictions?variant=int8&pretty=true", INSTANCES, 200)
    assert indented["variant"] == "int8"


def test_a_parameter_that_predictions_do_not_know_is_named_before_a_missing_variant(trained: ApiClient) -> None:
    (fault,) = trained.post("/v1/models/line/predictions?version=1&variant=int8", INSTANCES, 400)["errors"]
    assert (fault["parameter"], "variant" in fault["allowed"]) == ("version", True)


def test_a_label_points_to_a_variant_in_every_protocol(quantized: ApiClient) -> None:
    assert quantized.put(LABEL, {"version": 1}, 201)["variant"] is None
    assert value_of(quantized, f"{LABEL}/predictions") == 5
    assert value_of(quantized, f"{LABEL}/predictions?variant=int8") == 10
    assert quantized.put(LABEL, SMALL)["variant"] == "int8"
    assert quantized.get(LABEL)["variant"] == "int8"
    assert value_of(quantized, f"{LABEL}/predictions") == 10
    assert value_of(quantized, "/v1/models/line/predictions") == 5
    small = quantized.http.post(f"{LABEL}:predict", json=INSTANCES)
    assert (small.json, small.headers["Fitserve-Variant"]) == ({"predictions": [[10.0]]}, "int8")
    assert quantized.http.get(f"{LABEL}/metadata").headers["Fitserve-Variant"] == "int8"
    itself = quantized.http.post("/v1/models/line:predict", json=INSTANCES)
    assert (itself.json, "Fitserve-Variant" in itself.headers) == ({"predictions": [[5.0]]}, False)
    quantized.patch("/v1/models/line", {"serve": "champion"})
    assert quantized.http.post("/v1/models/line:predict", json=INSTANCES).json == {"predictions": [[10.0]]}
    assert quantized.post("/v1/models/line/predictions", INSTANCES, 200)["variant"] == "int8"

    assert "champion" in quantized.send("DELETE", INT8, 409).text
    quantized.patch("/v1/models/line", {"serve": None})
    quantized.put(LABEL, {"version": 1})
    assert value_of(quantized, f"{LABEL}/predictions") == 5
    quantized.delete(INT8)
    quantized.get(INT8, 404)


def test_a_label_needs_a_variant_that_is_ready(trained: ApiClient, idle_worker: FakeWorker) -> None:
    (fault,) = trained.put(LABEL, SMALL, 422)["errors"]
    assert fault["pointer"] == "#/variant"
    job = trained.post(URL, WANTED | {"max_accuracy_drop": 0}, 202)
    waiting = trained.put(LABEL, SMALL, 409)
    assert waiting["type"] == "/problems/not-ready"
    assert waiting["detail"] == 'The variant int8 of version 1 of "line" is processing.'
    idle_worker.run_all()
    assert job["id"] in trained.put(LABEL, SMALL, 422)["detail"]


def test_a_training_moves_its_label_to_the_version_itself(quantized: ApiClient, idle_worker: FakeWorker) -> None:
    quantized.put(LABEL, SMALL, 201)
    quantized.post("/v1/training-jobs", TRAINING | {"label": "champion"}, 202)
    idle_worker.run_all()
    label = quantized.get(LABEL)
    assert (label["version"], label["variant"]) == (2, None)


def infer(api: ApiClient, body: dict[str, Any], path: str = "/v2/models/line/infer", **headers: str) -> Any:
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [5]}
    return api.http.post(path, data=json.dumps({"inputs": [tensor]} | body), headers=headers).json


def test_the_open_inference_protocol_names_a_variant_in_its_parameters(quantized: ApiClient) -> None:
    plain = infer(quantized, {})
    assert (plain["outputs"][0]["data"], "parameters" in plain) == ([5.0], False)
    for path in ("/v2/models/line/infer", "/v2/models/line/versions/1/infer"):
        answer = infer(quantized, {"parameters": {"variant": "int8"}}, path)
        assert (answer["outputs"][0]["data"], answer["parameters"]) == ([10.0], {"variant": "int8"})
    text = json.dumps({"variant": "int8"}).replace("v", r"\u0076")
    escaped = quantized.http.post(
        "/v2/models/line/infer",
        data=b'{"parameters": %b, "inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [5]}]}'
        % text.encode(),
    )
    assert (escaped.json or {})["parameters"] == {"variant": "int8"}
    large = infer(quantized, {"parameters": {"variant": "int8"}, "id": "x" * 70_000})
    assert large["outputs"][0]["data"] == [10.0]
    unknown = infer(quantized, {"parameters": {"variant": "int4"}})
    assert unknown == {"error": "The parameter 'variant' must be one of 'int8', not 'int4'."}
    elsewhere = infer(quantized, {"parameters": {"note": "variant"}})
    assert elsewhere["outputs"][0]["data"] == [5.0]
    quantized.delete(INT8)
    missing = infer(quantized, {"parameters": {"variant": "int8"}})["error"]
    assert missing.startswith("Request for unknown model: 'line' is not found: Version 1 of \"line\" has no variant")


def test_binary_tensors_are_predicted_by_a_variant(quantized: ApiClient) -> None:
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    head = json.dumps({"inputs": [tensor], "parameters": {"variant": "int8"}}).encode()
    for _ in range(3):
        answer = quantized.http.post(
            "/v2/models/line/infer",
            data=head + b"\x00\x00\xa0\x40",
            headers={"Inference-Header-Content-Length": str(len(head))},
        )
        assert (answer.json or {})["outputs"][0]["data"] == [10.0]


def count_predictions(api: ApiClient) -> dict[str | None, int]:
    statistics = api.http.get("/v2/models/line/stats").json or {}
    return {entry.get("variant"): entry["execution_count"] for entry in statistics["model_stats"]}


def test_predictions_are_counted_by_variant(quantized: ApiClient) -> None:
    before = count_predictions(quantized)
    value_of(quantized, f"{VERSION}/predictions")
    for _ in range(2):
        value_of(quantized, f"{VERSION}/predictions?variant=int8")
    after = count_predictions(quantized)
    assert {variant: count - before[variant] for variant, count in after.items()} == {None: 1, "int8": 2}
    text = quantized.http.get("/metrics").text
    assert (
        'fitserve_predictions_total{model="line",outcome="success",project="default",variant="int8",version="1"}'
        in text
    )


def test_a_batch_prediction_uses_a_variant(quantized: ApiClient, idle_worker: FakeWorker, context: Context) -> None:
    quantized.put(LABEL, SMALL, 201)
    wanted = {"model": "line", "dataset": "line"}
    plain = quantized.post(BATCHES, wanted, 202)
    named_ = quantized.post(BATCHES, wanted | {"variant": "int8"}, 202)
    labelled = quantized.post(BATCHES, wanted | {"label": "champion"}, 202)
    assert [job["variant"] for job in (plain, named_, labelled)] == [None, "int8", "int8"]
    quantized.put(LABEL, {"version": 1})
    assert named_["id"] in quantized.send("DELETE", INT8, 409).text
    idle_worker.run_all()
    values = [quantized.send("GET", f"{job['links']['self']}/result", 200).text for job in (plain, named_, labelled)]
    assert values[0].splitlines()[3] == "2,1.0"
    assert values[1].splitlines()[3] == values[2].splitlines()[3] == "2,2.0"
    quantized.delete(INT8)
    (fault,) = quantized.post(BATCHES, wanted | {"variant": "int8"}, 422)["errors"]
    assert fault["pointer"] == "#/variant"


def test_an_evaluation_by_a_label_evaluates_the_variant_to_which_it_points(
    quantized: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    quantized.put(LABEL, SMALL, 201)
    wanted = {"model": "line", "dataset": "line", "split": "train"}
    job = quantized.post("/v1/evaluations", wanted | {"label": "champion"}, 202)
    assert (job["version"], job["variant"]) == (1, "int8")
    claimed = idle_worker.claim("evaluation")
    assert claimed is not None
    assignment = kind_of(claimed[1]).describe(context, claimed[1])
    assert isinstance(assignment, EvaluationAssignment)
    assert assignment.variant is not None
    assert (assignment.variant.parent.parent.name, assignment.version.parent.parent.name) == ("variants", "models")
    quantized.put(LABEL, {"version": 1})
    assert job["id"] in quantized.send("DELETE", INT8, 409).text
    idle_worker.finish(*claimed)
    assert quantized.post("/v1/evaluations", wanted | {"label": "champion"}, 202)["variant"] is None
    assert quantized.post("/v1/evaluations", wanted | {"variant": "int8"}, 202)["variant"] == "int8"
    idle_worker.run_all()
    quantized.delete(INT8)
    (fault,) = quantized.post("/v1/evaluations", wanted | {"variant": "int8"}, 422)["errors"]
    assert fault["pointer"] == "#/variant"


def test_a_version_takes_its_variants_with_it(quantized: ApiClient, context: Context) -> None:
    assert (folders_of("models", context), folders_of("variants", context)) == (1, 1)
    quantized.delete(VERSION)
    assert (folders_of("models", context), folders_of("variants", context)) == (0, 0)


def test_a_model_takes_the_variants_of_its_versions_with_it(quantized: ApiClient, context: Context) -> None:
    quantized.delete("/v1/models/line")
    assert folders_of("variants", context) == 0


def test_the_data_and_the_version_of_an_unfinished_variant_stay(trained: ApiClient) -> None:
    trained.post(URL, WANTED, 202)
    for path in (VERSION, "/v1/models/line", "/v1/datasets/line"):
        trained.delete(path, 409)


def test_a_list_of_variants_has_no_other_page(quantized: ApiClient) -> None:
    assert quantized.get(f"{URL}?limit=1")["next"] is None
    assert quantized.get(f"{URL}?cursor=x", 400)["errors"][0]["parameter"] == "cursor"
