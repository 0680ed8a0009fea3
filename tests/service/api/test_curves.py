"""The curves of training jobs: `/v1/training-jobs/{id}/curves`."""

import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest

from service.context import Context
from service.operations.jobs import leases, recording
from service.storage.jobs import NewEvent
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

JSON = "application/json"


@pytest.fixture
def lines(api: ApiClient, trained: ApiClient) -> ApiClient:
    """A client of an app with a finished job of three epochs."""
    return trained


def only_job(api: ApiClient) -> Any:
    return api.get("/v1/training-jobs?limit=1")["items"][0]["id"]


def start_job(api: ApiClient, worker: FakeWorker, epochs: int = 10) -> tuple[str, leases.Lease]:
    job_id = api.post("/v1/training-jobs", TRAINING | {"epochs": epochs}, 202)["id"]
    claimed = worker.claim()
    assert claimed is not None
    return job_id, claimed[0]


def record(context: Context, lease: leases.Lease, epochs: Sequence[dict[str, Any]], best: Any = None) -> None:
    """Record epochs, numbered from 1 unless they say otherwise."""
    numbered = [{"epoch": number, "seconds": 0.1, **epoch} for number, epoch in enumerate(epochs, 1)]
    events = [NewEvent("epoch", epoch, epoch["epoch"]) for epoch in numbered]
    recording.record(context, lease, events, best=best)


def curves(api: ApiClient, job_id: str, query: str = "", expect: int = 200) -> Any:
    return api.get(f"/v1/training-jobs/{job_id}/curves{query}", expect, Accept=JSON)


def draw(api: ApiClient, job_id: str, query: str = "") -> str:
    """The description of the picture of a job, which must be valid XML."""
    root = ElementTree.fromstring(api.send("GET", f"/v1/training-jobs/{job_id}/curves{query}", 200).data)
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    return str(description.text)


def test_a_finished_job_has_its_loss_by_epoch(lines: ApiClient) -> None:
    job_id = only_job(lines)
    document = curves(lines, job_id)
    assert document["title"] == "Training curves of line"
    assert document["description"] == (
        f"The job {job_id} on line succeeded after 3 epochs. The last one has loss 0.3333. "
        "The best is epoch 3 with loss 0.3333."
    )
    assert document["panels"] == [
        {
            "metric": "loss",
            "scale": "linear",
            "series": [{"job": job_id, "split": "train", "epochs": [1, 2, 3], "values": [1, 1 / 2, 1 / 3]}],
        }
    ]
    assert document["jobs"][0]["best"] == {"epoch": 3, "loss": 1 / 3}
    assert draw(lines, job_id) == document["description"]


def test_a_job_without_epochs_says_so(lines: ApiClient) -> None:
    job_id = lines.post("/v1/training-jobs", TRAINING, 202)["id"]
    document = curves(lines, job_id)
    assert (document["panels"], document["description"]) == ([], f"No epochs yet: the job {job_id} is queued.")
    assert draw(lines, job_id) == document["description"]


def test_a_running_job_shows_train_against_validation_so_far(
    lines: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    job_id, lease = start_job(lines, idle_worker)
    epochs: list[dict[str, Any]] = [
        {"loss": 100.0, "val_loss": 120.0, "accuracy": 0.5, "val_accuracy": None, "learning_rate": 0.1},
        {"loss": 1.0, "val_loss": math.nan, "accuracy": 0.75, "val_accuracy": 0.7, "learning_rate": 0.1},
        {"loss": 0.1, "val_loss": 0.5, "accuracy": 1.0, "val_accuracy": 0.8, "learning_rate": 0.01},
    ]
    record(context, lease, epochs, {"epoch": 3, "val_loss": 0.5})
    document = curves(lines, job_id)
    loss, accuracy = document["panels"]
    assert [(line["split"], line["values"]) for line in loss["series"]] == [
        ("train", [100.0, 1.0, 0.1]),
        ("validation", [120.0, None, 0.5]),
    ]
    assert (loss["scale"], accuracy["metric"], accuracy["scale"]) == ("logarithmic", "accuracy", "linear")
    assert document["jobs"][0]["learning_rate_changes"] == [{"epoch": 3, "learning_rate": 0.01}]
    assert "is running after 3 of 10 epochs" in document["description"]
    assert draw(lines, job_id, "?width=320&theme=dark") == document["description"]
    assert curves(lines, job_id, "?metric=accuracy")["panels"] == [accuracy]
    assert 'There is no metric "f1".' in draw(lines, job_id, "?metric=f1")


def test_very_many_epochs_are_thinned_and_the_picture_says_so(
    lines: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    job_id, lease = start_job(lines, idle_worker, 3000)
    epochs = [{"loss": 1 / epoch, "learning_rate": 1 / epoch} for epoch in range(1, 3001)]
    record(context, lease, epochs, {"epoch": 1234, "loss": 0.0})
    document = curves(lines, job_id, "?points=100")
    drawn = document["panels"][0]["series"][0]["epochs"]
    assert (len(drawn), drawn[0], drawn[-1]) == (101, 1, 3000)
    assert 1234 in drawn
    assert document["omitted_epochs"] == 2899
    assert "Drawn are 101 of 3,000 epochs: evenly spaced ones and the best." in draw(lines, job_id, "?points=100")
    assert [panel["metric"] for panel in document["panels"]] == ["loss", "learning_rate"]
    assert document["jobs"][0]["learning_rate_changes"] == []


def test_several_jobs_are_drawn_together(lines: ApiClient, context: Context, idle_worker: FakeWorker) -> None:
    first = only_job(lines)
    second, lease = start_job(lines, idle_worker)
    record(context, lease, [{"loss": 2.0, "val_loss": 1.0}])
    waiting = lines.post("/v1/training-jobs", TRAINING, 202)["id"]
    document = curves(lines, first, f"?jobs={second},{waiting}")
    assert document["title"] == "Training curves of 3 jobs"
    assert [(line["job"], line["split"]) for line in document["panels"][0]["series"]] == [
        (first, "train"),
        (second, "train"),
        (second, "validation"),
    ]
    assert document["description"].startswith("3 jobs with 4 epochs. 1 of them have none yet. Best: ")
    assert draw(lines, first, f"?jobs={second},{waiting}&width=1200") == document["description"]


def test_invalid_jobs_are_refused_with_the_parameter(lines: ApiClient) -> None:
    job_id, unknown = only_job(lines), "tj_" + "0" * 24
    many = ",".join([job_id] * 20)
    for query, detail in (
        (f"?jobs={unknown}", f'"jobs" names training jobs that don\'t exist: {unknown}.'),
        ("?jobs=x", '"jobs" must be ids of training jobs, separated by commas; "x" is none.'),
        (f"?jobs={many}", '"jobs" must have at most 19 ids: at most 20 jobs are drawn together.'),
        ("?points=1", '"points" must be an integer of at least 2.'),
    ):
        problem = curves(lines, job_id, query, 400)
        assert problem["detail"] == detail
        assert problem["errors"][0]["parameter"] in query
    curves(lines, unknown, expect=404)
