"""The snapshots of training jobs over HTTP. In the snapshots of `line` the only weight is the epoch."""

import io
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.snapshots import file_of, write_epoch
from service import statuses
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import snapshots, starts
from service.operations.jobs.registry import kind_of
from service.storage import training_snapshots
from service.storage.training_snapshots import Changes, StoredSnapshot
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

ROWS = {"instances": [[1], [2.5]]}


@pytest.fixture
def snapshooter(idle_worker: FakeWorker) -> FakeWorker:
    idle_worker.takes_snapshots = True
    return idle_worker


@pytest.fixture
def url(trained: ApiClient, snapshooter: FakeWorker) -> str:
    """The URL of a job that has trained `line` for 3 epochs."""
    job = trained.post("/v1/training-jobs", TRAINING, 202)
    snapshooter.run_all()
    return str(job["links"]["self"])


def values(answer: Any) -> list[float]:
    return [prediction["value"] for prediction in answer["predictions"]]


def test_every_epoch_is_listed_and_predicts_with_its_own_weights(trained: ApiClient, url: str) -> None:
    job = trained.get(url)
    assert job["snapshots"] == {"every": 1, "keep": 1000}
    page = trained.get(f"{job['links']['snapshots']}?limit=2")
    items = [*page["items"], *trained.get(page["next"])["items"]]
    assert [item["epoch"] for item in items] == [3, 2, 1]
    assert items[0] == {
        "epoch": 3, "at": items[0]["at"], "metrics": {"loss": 1 / 3}, "bytes": 8,
        "links": {
            "self": f"{url}/snapshots/3", "training_job": url, "weights": f"{url}/snapshots/3/weights",
            "predictions": f"{url}/snapshots/3/predictions",
        },
    }  # fmt: skip
    for item in items:
        answer = trained.post(item["links"]["predictions"], ROWS, 200)
        epoch = item["epoch"]
        assert answer == {
            "model": "line", "epoch": epoch, "classes": None,
            "predictions": [{"value": epoch}, {"value": 2.5 * epoch}], "warnings": [],
        }  # fmt: skip
        assert trained.get(item["links"]["self"]) == item
    oldest_first = trained.get(f"{url}/snapshots?sort=created_at")
    assert [item["epoch"] for item in oldest_first["items"]] == [1, 2, 3]


def test_latest_and_best_are_names_of_epochs(trained: ApiClient, url: str) -> None:
    assert trained.get(f"{url}/snapshots/latest")["epoch"] == 3
    assert trained.get(f"{url}/snapshots/best")["epoch"] == trained.get(url)["best"]["epoch"]
    assert trained.post(f"{url}/snapshots/latest/predictions", ROWS, 200)["epoch"] == 3
    assert trained.post(f"{url}/snapshots/best/predictions", ROWS, 200)["epoch"] == 3


def test_snapshots_predict_like_versions(trained: ApiClient, url: str) -> None:
    """The same bodies, queries and faults."""
    path = f"{url}/snapshots/1/predictions"
    csv = trained.send("POST", path, 200, data=b"1\n2.5\n", content_type="text/csv").json
    assert values(csv) == [1, 2.5]
    npy = io.BytesIO()
    np.save(npy, np.array([[4.0]]))
    answer = trained.send("POST", path, 200, data=npy.getvalue(), content_type="application/x-npy").json
    assert values(answer) == [4]
    assert trained.post(f"{path}?top=2", ROWS, 400)["errors"][0]["parameter"] == "top"
    assert trained.post(path, {"instances": [["x"]]}, 422)["errors"][0]["pointer"] == "#/instances/0/0"
    trained.send("GET", path, 405)


def test_the_weights_of_a_snapshot_are_npz_or_json(trained: ApiClient, url: str) -> None:
    document = trained.get(f"{url}/snapshots/2/weights", Accept="application/json")
    assert document["weights"] == [
        {"name": "dense/kernel", "shape": [1, 1], "values": [[2]]},
        {"name": "dense/bias", "shape": [1], "values": [0]},
    ]
    response = trained.send("GET", f"{url}/snapshots/2/weights", 200)
    assert response.mimetype == "application/x-npz"
    with np.load(io.BytesIO(response.data)) as arrays:
        assert arrays["dense/kernel"].tolist() == [[2]]
    etag = response.headers["ETag"]
    part = trained.send("GET", f"{url}/snapshots/2/weights", 206, headers={"Range": "bytes=0-3", "If-Range": etag})
    assert part.data == response.data[:4]


def test_epochs_without_a_snapshot_name_the_nearest(trained: ApiClient, snapshooter: FakeWorker) -> None:
    snapshots = {"every": 2, "keep": 10}
    job = trained.post("/v1/training-jobs", {**TRAINING, "epochs": 6, "snapshots": snapshots}, 202)
    assert job["snapshots"] == snapshots
    url = job["links"]["self"]
    claimed = snapshooter.claim()
    assert claimed is not None
    lease, row = claimed
    detail = trained.get(f"{url}/snapshots/latest", 409)["detail"]
    assert detail == "No epoch has ended yet, so there is no snapshot."
    response = trained.send("POST", f"{url}/snapshots/1/predictions", 409, json=ROWS)
    assert response.headers["Retry-After"] == "1"
    assert trained.get(f"{url}/snapshots")["items"] == []
    assignment = kind_of(row).describe(snapshooter._context, row)
    for epoch in (2, 4):
        snapshooter.record_snapshot(lease, assignment, epoch)  # type: ignore[arg-type]
    snapshooter.record_epochs(lease, 1, 4, 6)
    for epoch, nearest in (
        (1, "Epoch 1 wasn't kept: the job keeps multiples of 2. The nearest epochs with a snapshot: 2."),
        (3, "Epoch 3 wasn't kept: the job keeps multiples of 2. The nearest epochs with a snapshot: 2 and 4."),
        (6, "Epoch 6 of 6 hasn't ended yet. The nearest epochs with a snapshot: 4."),
    ):
        assert trained.get(f"{url}/snapshots/{epoch}", 404)["detail"] == nearest
        assert trained.post(f"{url}/snapshots/{epoch}/predictions", ROWS, 404)["detail"] == nearest
    for name in ("first", "0", "007", "9" * 5000):
        detail = f'No snapshot is named "{name}". Use the number of an epoch, `latest` or `best`.'
        assert trained.get(f"{url}/snapshots/{name}", 404)["detail"] == detail
        assert trained.post(f"{url}/snapshots/{name}/predictions", ROWS, 404)["detail"] == detail
    # the running job predicts, and its latest epoch is current at once
    assert trained.post(f"{url}/snapshots/latest/predictions", ROWS, 200)["epoch"] == 4
    snapshooter.record_snapshot(lease, assignment, 5)  # type: ignore[arg-type]
    assert trained.post(f"{url}/snapshots/latest/predictions", ROWS, 200)["epoch"] == 5
    # and after it was cancelled
    execution.cancelled(snapshooter._context, lease)
    assert values(trained.post(f"{url}/snapshots/4/predictions", ROWS, 200)) == [4, 10]
    assert "The training ended with epoch 4." in trained.get(f"{url}/snapshots/9", 404)["detail"]


def test_a_snapshot_predicts_after_its_training_has_failed(trained: ApiClient, snapshooter: FakeWorker) -> None:
    url = trained.post("/v1/training-jobs", {**TRAINING, "epochs": 6}, 202)["links"]["self"]
    claimed = snapshooter.claim()
    assert claimed is not None
    lease, row = claimed
    snapshooter.record_snapshot(lease, kind_of(row).describe(snapshooter._context, row), 1)  # type: ignore[arg-type]
    snapshooter.record_epochs(lease, 1, 1, 6)
    execution.fail(snapshooter._context, lease, {"code": "diverged", "detail": "The loss isn't finite."})
    assert trained.get(url)["status"] == statuses.FAILED
    assert values(trained.post(f"{url}/snapshots/latest/predictions", ROWS, 200)) == [1, 2.5]
    assert values(trained.post(f"{url}/snapshots/1/predictions", ROWS, 200)) == [1, 2.5]


Meanwhile = Callable[[Callable[[Context, StoredSnapshot], None]], None]


@pytest.fixture
def meanwhile(url: str, context: Context, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Makes something happen to the latest snapshot once, after it was found and before its files are read."""

    def happen(change: Callable[[Context, StoredSnapshot], None]) -> None:
        changes = iter([change])

        def after_change(read: Callable[..., Any]) -> Callable[..., Any]:
            def read_later(*arguments: Any) -> Any:
                for change in changes:
                    with context.database.read() as session:
                        latest = training_snapshots.all_of(session, url.rpartition("/")[2])[-1]
                    change(context, latest)
                return read(*arguments)

            return read_later

        for module, name in ((snapshots, "read_epoch"), (snapshots, "load_predictor"), (starts, "copy_as_version")):
            monkeypatch.setattr(module, name, after_change(getattr(module, name)))

    return happen


def remove(context: Context, snapshot: StoredSnapshot) -> None:
    """What a running job does to snapshots that it thins out."""
    job_id = snapshot.folder.split("/")[1]
    with context.database.write() as session:
        training_snapshots.change(session, job_id, Changes(removed=[snapshot.epoch]))
    (context.artifacts.folder(snapshot.folder) / file_of(snapshot.epoch)).unlink()


def replace_by_later_execution(context: Context, snapshot: StoredSnapshot) -> None:
    """What a resumed job does to the snapshot of an epoch that it repeats."""
    _, job_id, execution_name = snapshot.folder.split("/")
    folder, later = context.artifacts.folder(snapshot.folder), f"snapshots/{job_id}/{execution_name}9"
    shutil.copytree(folder, context.artifacts.folder(later))
    with context.database.write() as session:
        stored = StoredSnapshot(snapshot.epoch, later, snapshot.bytes, snapshot.sha256)
        training_snapshots.change(session, job_id, Changes([stored]))
    (folder / file_of(snapshot.epoch)).unlink()


def requests_of_latest(url: str) -> list[tuple[str, str, Any, int]]:
    start = {"training_job": url.rpartition("/")[2], "epoch": "latest"}
    return [
        ("GET", f"{url}/snapshots/latest/weights", None, 200),
        ("POST", f"{url}/snapshots/latest/predictions", ROWS, 200),
        ("POST", "/v1/training-jobs", {**TRAINING, "start_from": start}, 202),
        ("POST", "/v1/models/line/versions", start, 202),
    ]


@pytest.mark.parametrize("number", range(4))
def test_the_latest_epoch_is_another_if_it_is_removed_while_it_is_read(
    trained: ApiClient, url: str, meanwhile: Meanwhile, number: int
) -> None:
    method, path, body, status = requests_of_latest(url)[number]
    meanwhile(remove)
    response = trained.send(method, path, status, json=body)
    if body is None:
        assert "-2.npz" in response.headers["Content-Disposition"]
    else:
        assert response.json is not None
        assert (response.json.get("parent") or response.json)["epoch"] == 2


@pytest.mark.parametrize("number", range(4))
def test_an_epoch_is_read_where_a_later_execution_has_written_it_again(
    trained: ApiClient, url: str, meanwhile: Meanwhile, number: int
) -> None:
    method, path, body, status = requests_of_latest(url)[number]
    meanwhile(replace_by_later_execution)
    trained.send(method, path, status, json=body)


def test_an_epoch_that_is_removed_while_it_is_read_names_the_nearest(
    trained: ApiClient, url: str, meanwhile: Meanwhile
) -> None:
    meanwhile(remove)
    detail = trained.post(f"{url}/snapshots/3/predictions", ROWS, 404)["detail"]
    assert detail.endswith("The nearest epochs with a snapshot: 2.")


def test_jobs_without_snapshots_say_so(trained: ApiClient, snapshooter: FakeWorker) -> None:
    job = trained.post("/v1/training-jobs", {**TRAINING, "snapshots": None}, 202)
    snapshooter.run_all()
    assert job["snapshots"] is None
    url = job["links"]["self"]
    assert trained.get(f"{url}/snapshots")["items"] == []
    for name in ("1", "latest", "best"):
        assert "`snapshots` is null" in trained.get(f"{url}/snapshots/{name}", 404)["detail"]
        assert "`snapshots` is null" in trained.post(f"{url}/snapshots/{name}/predictions", ROWS, 404)["detail"]
    trained.get("/v1/training-jobs/tj_0/snapshots", 404)
    trained.post("/v1/training-jobs/tj_0/snapshots/1/predictions", ROWS, 404)


def test_a_running_job_of_which_no_snapshot_fits_is_not_waited_for(trained: ApiClient, idle_worker: FakeWorker) -> None:
    url = trained.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    claimed = idle_worker.claim()
    assert claimed is not None
    idle_worker.record_epochs(claimed[0], 1, 2, 3)
    detail = trained.get(f"{url}/snapshots/latest", 404)["detail"]
    assert detail == "The job has no snapshots. Its status is `running`; its `warnings` may say more."


def test_no_snapshots_at_all_can_be_asked_for(trained: ApiClient, snapshooter: FakeWorker) -> None:
    url = trained.post("/v1/training-jobs", {**TRAINING, "snapshots": {"keep": 0}}, 202)["links"]["self"]
    assert "its `keep` is 0" in trained.get(f"{url}/snapshots/latest", 404)["detail"]


@pytest.mark.parametrize(
    ("snapshots", "pointer"),
    [
        ({"keep": 1}, "#/snapshots/keep"),
        ({"every": 0}, "#/snapshots/every"),
        ({"each": 1}, "#/snapshots/each"),
        (3, "#/snapshots"),
    ],
)
def test_invalid_snapshots_are_refused(trained: ApiClient, snapshots: Any, pointer: str) -> None:
    problem = trained.post("/v1/training-jobs", {**TRAINING, "snapshots": snapshots}, 422)
    assert problem["errors"][0]["pointer"] == pointer


def test_a_training_starts_from_a_snapshot_and_shows_its_parent(
    trained: ApiClient, url: str, snapshooter: FakeWorker, context: Context
) -> None:
    parent = url.rpartition("/")[2]
    start = {"training_job": parent, "epoch": "best"}
    job = trained.post("/v1/training-jobs", {**TRAINING, "start_from": start}, 202)
    resolved = {"training_job": parent, "epoch": 3}
    assert (job["start_from"], job["parent"], job["preprocessing"]) == (resolved, resolved, "keep")
    trained.delete(url)  # the new job has a copy
    claimed = snapshooter.claim()
    assert claimed is not None
    assignment = kind_of(claimed[1]).describe(context, claimed[1])
    with np.load(assignment.sources[0] / "weights.npz") as weights:  # type: ignore[attr-defined]
        assert weights["dense/kernel"].tolist() == [[3]]
    snapshooter.finish(*claimed)
    assert context.artifacts.names("uploads") == []
    children = trained.get(f"/v1/training-jobs?parent={parent}")["items"]
    assert [child["id"] for child in children] == [job["id"]]
    again = trained.post("/v1/training-jobs", {**TRAINING, "start_from": {"version": 1}}, 202)
    assert again["parent"] == {"model": "line", "version": 1}
    maker = trained.get("/v1/models/line/versions/1")["training_job"]
    assert [child["id"] for child in trained.get(f"/v1/training-jobs?parent={maker}")["items"]] == [again["id"]]


@pytest.mark.parametrize(
    ("start", "pointer"),
    [
        ({"training_job": "tj_0", "epoch": 1}, "#/start_from/training_job"),
        ({"training_job": "", "epoch": 7}, "#/start_from/epoch"),
        ({"training_job": "", "epoch": "worst"}, "#/start_from/epoch"),
        ({"training_job": "", "version": 1}, "#/start_from/version"),
        ({"version": 1, "epoch": 1}, "#/start_from/epoch"),
        ({"training_job": "", "model": "line"}, "#/start_from/model"),
    ],
)
def test_invalid_starts_are_refused(trained: ApiClient, url: str, start: Any, pointer: str) -> None:
    if start.get("training_job") == "":
        start = start | {"training_job": url.rpartition("/")[2]}
    problem = trained.post("/v1/training-jobs", {**TRAINING, "start_from": start}, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


def test_a_version_is_made_of_a_snapshot(trained: ApiClient, url: str, snapshooter: FakeWorker) -> None:
    job_id = url.rpartition("/")[2]
    posted = {"training_job": job_id, "epoch": 2, "label": "second", "metadata": {"why": "smooth"}}
    response = trained.send("POST", "/v1/models/line/versions", 202, json=posted)
    job = response.json
    assert job is not None
    assert response.headers["Location"] == job["links"]["self"]
    assert (job["epochs"], job["parent"]) == (0, {"training_job": job_id, "epoch": 2})
    assert job["execution_reason"] == f"Nothing is trained: the version has the weights of epoch 2 of {job_id}."
    assert job["metadata"] == {"why": "smooth"}
    trained.patch(job["links"]["self"], {"epochs": 5}, 409)
    snapshooter.run_all()
    made = trained.get(job["links"]["self"])
    assert made["status"] == statuses.SUCCEEDED
    version = trained.get(made["links"]["version"])
    assert (version["training_job"], version["epoch"]) == (job_id, 2)
    mode = {name: trained.get(url)[name] for name in ("precision", "execution")}
    assert version["training"] == mode | {"bfloat16_layers": 0}
    assert version["links"]["training_job"] == url
    assert values(trained.post("/v1/models/line/labels/second/predictions", ROWS, 200)) == [2, 5]
    assert trained.get("/v1/models/line/versions/1")["epoch"] is None


def test_faults_of_versions_of_snapshots_are_named(trained: ApiClient, url: str) -> None:
    job_id = url.rpartition("/")[2]
    trained.post("/v1/models/other/versions", {"training_job": job_id}, 404)
    for body, pointer in (
        ({}, "#/training_job"),
        ({"training_job": job_id, "epoch": 9}, "#/epoch"),
        ({"training_job": "tj_0"}, "#/training_job"),
        ({"training_job": job_id, "epoch": 0}, "#/epoch"),
    ):
        problem = trained.post("/v1/models/line/versions", body, 422)
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


def test_a_damaged_snapshot_is_a_clear_problem(trained: ApiClient, url: str, context: Context) -> None:
    (path,) = context.artifacts.root.glob("snapshots/*/*/2.weights")
    path.write_bytes(path.read_bytes()[:-1])
    problem = trained.post(f"{url}/snapshots/2/predictions", ROWS, 500)
    assert "2.weights is damaged" in problem["detail"]
    path.unlink()
    assert "2.weights is missing" in trained.get(f"{url}/snapshots/2/weights", 500)["detail"]
    assert values(trained.post(f"{url}/snapshots/3/predictions", ROWS, 200)) == [3, 7.5]


def test_damaged_snapshots_start_nothing(trained: ApiClient, url: str, context: Context) -> None:
    (path,) = context.artifacts.root.glob("snapshots/*/*/2.weights")
    path.unlink()
    start = {"training_job": url.rpartition("/")[2], "epoch": 2}
    for path_, body, pointer in (
        ("/v1/training-jobs", {**TRAINING, "start_from": start}, "#/start_from/epoch"),
        ("/v1/models/line/versions", start, "#/epoch"),
    ):
        (fault,) = trained.post(path_, body, 422)["errors"]
        assert fault["pointer"] == pointer
        assert fault["detail"].endswith("from the snapshot of epoch 2. The stored file 2.weights is missing.")


def test_a_diverged_snapshot_does_not_predict(trained: ApiClient, url: str, context: Context) -> None:
    job_id = url.rpartition("/")[2]
    with context.database.read() as session:
        last = training_snapshots.all_of(session, job_id)[-1]
    content = np.full(2, np.nan, np.float32)
    _, sha256 = write_epoch(context.artifacts.folder(last.folder), 4, [content.data])
    with context.database.write() as session:
        stored = StoredSnapshot(4, last.folder, content.nbytes, sha256)
        training_snapshots.change(session, job_id, Changes([stored]))
    detail = trained.post(f"{url}/snapshots/4/predictions", ROWS, 409)["detail"]
    assert detail == (
        'The snapshot of epoch 4 can\'t predict. Its weights "dense/kernel" are NaN or infinite: the training diverged.'
    )
    problem = trained.post("/v1/models/line/versions", {"training_job": job_id, "epoch": 4}, 422)
    assert "NaN or infinite" in problem["errors"][0]["detail"]


def test_snapshots_end_with_their_job(trained: ApiClient, url: str, context: Context) -> None:
    assert list(context.artifacts.root.glob("snapshots/*/*/*.weights"))
    trained.delete(url)
    assert not list(context.artifacts.root.glob("snapshots/*"))
    trained.get(f"{url}/snapshots", 404)
    trained.post(f"{url}/snapshots/1/predictions", ROWS, 404)
