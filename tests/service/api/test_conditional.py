"""ETags on everything that is read, and the preconditions that go with them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.api.front.app import Front
from service.context import Context
from service.operations.jobs import recording
from service.storage.documents import JobWarning
from service.storage.jobs import NewEvent
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.prepared_data import PreparedData

JOB = "JOB"
"""Stands for the path of the trained model's job."""
READ = (
    "/v1/datasets/line", "/v1/datasets", "/v1/datasets/line/rows", "/v1/dataset-sources", "/v1/models/line",
    "/v1/models", "/v1/models/line/summary", "/v1/models/line/versions/1", "/v1/models/line/versions",
    "/v1/models/line/labels/best", "/v1/models/line/labels", "/v1/models/line/versions/1/artifacts/onnx",
    "/v1/models/line/versions/1/weights", JOB, f"{JOB}/metrics", f"{JOB}/events", f"{JOB}/log",
    "/v1/training-jobs", "/v1/workers", "/v1/layer-types",
)  # fmt: skip
CHANGES = (
    ("PATCH", "/v1/models/line", {"description": "new"}),
    ("PATCH", JOB, {"desired_status": "stopped"}),
    ("PUT", "/v1/models/line/labels/best", {"version": 1}),
    ("DELETE", "/v1/models/line/labels/best", None),
    ("DELETE", "/v1/models/line/versions/2", None),
    ("DELETE", "/v1/models/line", None),
    ("DELETE", "/v1/datasets/line", None),
    ("DELETE", JOB, None),
)


def train_twice(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.make_line()
        api.train_line()
        api.train_line()
    api.put("/v1/models/line/labels/best", {"version": 1}, 201)


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData, worker: object) -> ApiClient:
    """A client of an app with a dataset, a model, two versions, the jobs that made them, and a label."""
    prepared.copy(train_twice, context)
    return api


def path_of(api: ApiClient, path: str) -> str:
    return path.replace(JOB, api.get("/v1/training-jobs")["items"][0]["links"]["self"])


@pytest.mark.parametrize("path", READ)
def test_what_is_read_has_a_strong_etag_and_is_not_sent_again(trained: ApiClient, path: str) -> None:
    path = path_of(trained, path)
    whole = trained.send("GET", path, 200)
    tag = whole.headers["ETag"]
    assert tag.startswith('"')
    assert trained.send("GET", path, 200).headers["ETag"] == tag
    assert {"Accept", "Accept-Encoding"} <= set(whole.headers["Vary"].split(", "))
    for known in (tag, f"W/{tag}", f'{tag[:-1]}-gzip"', f'"other", {tag}', "*"):
        again = trained.send("GET", path, 304, headers={"If-None-Match": known})
        assert again.data == b""
        assert again.headers["ETag"] == tag
        assert "Cache-Control" in again.headers
        assert "Content-Type" not in again.headers
    assert trained.send("GET", path, 200, headers={"If-None-Match": '"other"'}).data == whole.data
    assert trained.send("HEAD", path, 200).headers["ETag"] == tag


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_change_with_a_stale_tag_is_a_412_and_changes_nothing(
    trained: ApiClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    path = path_of(trained, path)
    before = trained.send("GET", path, 200)
    options = {} if body is None else {"json": body}
    for stale in ('"stale"', f"W/{before.headers['ETag']}"):
        problem = trained.send(method, path, 412, headers={"If-Match": stale}, **options).json
        assert problem is not None
        assert problem["errors"][0]["header"] == "If-Match"
    assert trained.send("GET", path, 200).data == before.data
    done = 204 if method == "DELETE" else 200
    trained.send(method, path, done, headers={"If-Match": before.headers["ETag"]}, **options)


def test_a_tag_changes_with_the_resource(trained: ApiClient) -> None:
    path = "/v1/models/line"
    tag = trained.send("GET", path, 200).headers["ETag"]
    trained.send("PATCH", path, 200, json={"description": "new"}, headers={"If-Match": f'{tag[:-1]}-gzip"'})
    assert trained.send("GET", path, 200, headers={"If-None-Match": tag}).headers["ETag"] != tag
    trained.send("PATCH", path, 412, json={"description": "newer"}, headers={"If-Match": tag})
    trained.send("PATCH", path, 200, json={"description": "newer"}, headers={"If-Match": "*"})


def test_of_clients_that_change_what_they_all_read_one_comes_first(trained: ApiClient, app: Front) -> None:
    path, clients = "/v1/models/line", [FrontClient(app) for _ in range(4)]
    together = threading.Barrier(len(clients))

    def change(client: FlaskClient, description: str, tag: str) -> int:
        together.wait()
        return client.patch(path, json={"description": description}, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(len(clients)) as threads:
        for attempt in range(20):
            tag = trained.send("GET", path, 200).headers["ETag"]
            words = [f"{attempt}, client {number}" for number in range(len(clients))]
            answers = list(threads.map(change, clients, words, [tag] * len(clients)))
            assert sorted(answers) == [200, 412, 412, 412]
            assert trained.get(path)["description"] == words[answers.index(200)]


def test_a_change_does_not_wait_for_what_it_reads(api: ApiClient, idle_worker: object) -> None:
    api.post("/v1/datasets", {"name": "a", "source": "circles"}, 202, Prefer="wait=0")
    answer = api.send("DELETE", "/v1/datasets/a", 204, headers={"If-Match": "*", "Prefer": "wait=60"})
    assert "Preference-Applied" not in answer.headers


def test_a_label_can_be_put_only_if_there_is_none(trained: ApiClient) -> None:
    headers = {"If-None-Match": "*"}
    trained.send("PUT", "/v1/models/line/labels/new", 201, json={"version": 1}, headers=headers)
    trained.send("PUT", "/v1/models/line/labels/new", 412, json={"version": 2}, headers=headers)
    assert trained.get("/v1/models/line/labels/new")["version"] == 1


def test_nothing_matches_what_is_not_there(trained: ApiClient) -> None:
    headers = {"If-Match": "*"}
    trained.send("DELETE", "/v1/datasets/nothing", 404, headers=headers)
    trained.send("PUT", "/v1/models/line/labels/new", 412, json={"version": 1}, headers=headers)
    trained.get("/v1/models/line/labels/new", 404)


def test_a_resource_that_is_unfinished_has_a_tag_too(api: ApiClient, idle_worker: object) -> None:
    response = api.send(
        "POST", "/v1/datasets", 202, json={"name": "a", "source": "circles"}, headers={"Prefer": "wait=0"}
    )
    tag = api.send("GET", response.headers["Location"], 200).headers["ETag"]
    api.send("GET", response.headers["Location"], 304, headers={"If-None-Match": tag})
    api.send("DELETE", response.headers["Location"], 204, headers={"If-Match": tag})


def test_a_job_that_advances_can_be_changed_by_the_tag_that_was_read_before(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    for path, document in (("/v1/datasets", LINE_DATASET), ("/v1/models", LINE)):
        api.post(path, document, 202, Prefer="wait=0")
    idle_worker.run_all()
    job = api.post("/v1/training-jobs", {**TRAINING, "epochs": 10}, 202)["links"]["self"]
    queued = api.send("GET", job, 200).headers["ETag"]
    claimed = idle_worker.claim()
    assert claimed is not None
    lease, _ = claimed
    tags: list[str] = []
    for epoch in (1, 2, 3):
        idle_worker.record_epochs(lease, epoch, epoch, 10)
        warning = NewEvent("warning", {"type": "log_reduced"}, warning=JobWarning("log_reduced", f"Warning {epoch}."))
        recording.record(context, lease, [warning], baseline={"loss": float(epoch)})
        response: Any = api.send("GET", job, 200, headers={"If-None-Match": ", ".join([queued, *tags])})
        assert response.json["progress"]["epoch"] == epoch
        tags.append(response.headers["ETag"])
        api.send("GET", job, 304, headers={"If-None-Match": tags[-1]})
    assert len(set(tags)) == 3
    api.send("PATCH", job, 412, json={"desired_status": "cancelled"}, headers={"If-Match": queued})
    changed: Any = api.send("PATCH", job, 200, json={"metadata": {"a": "b"}}, headers={"If-Match": tags[0]}).json
    assert (changed["metadata"], changed["progress"]["epoch"]) == ({"a": "b"}, 3)
    api.send("PATCH", job, 412, json={"desired_status": "cancelled"}, headers={"If-Match": tags[0]})
    current = api.send("GET", job, 200).headers["ETag"]
    idle_worker.record_epochs(lease, 4, 4, 10)
    api.send("PATCH", job, 412, json={"epochs": 5}, headers={"If-Match": f"W/{current}"})
    api.send("PATCH", job, 200, json={"epochs": 5}, headers={"If-Match": f'"other", {current[:-1]}-pretty-gzip"'})
    api.send("PATCH", job, 412, json={"epochs": 6}, headers={"If-Match": current})
    current = api.send("GET", job, 200).headers["ETag"]
    idle_worker.finish(*claimed)
    api.send("DELETE", job, 412, headers={"If-Match": current})
    api.send("DELETE", job, 204, headers={"If-Match": api.send("GET", job, 200).headers["ETag"]})
