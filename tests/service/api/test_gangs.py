"""Training jobs with several `hosts` over HTTP: what is refused, and what a client sees while they wait."""

from typing import Any

import pytest

from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker


@pytest.fixture
def ready(api: ApiClient, idle_worker: FakeWorker) -> ApiClient:
    """A client of an app with the dataset and the model `line`, and a model whose loss is a sum."""
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    summed = {"type": "MeanSquaredError", "reduction": "sum"}
    api.post("/v1/models", LINE | {"name": "summed", "loss": summed}, 202, Prefer="wait=0")
    while idle_worker.run_next():
        pass
    return api


def test_a_job_runs_on_one_host_unless_it_says_otherwise(ready: ApiClient) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    assert (job["hosts"], job["free_workers"]) == (1, None)


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"hosts": 0}, "#/hosts", "must be an integer between 1 and"),
        ({"hosts": 1.5}, "#/hosts", "integer"),
        ({"hosts": 9}, "#/hosts", "`hosts` must be at most 8, not 9. The operator sets this limit"),
        ({"hosts": 2, "execution": "compiled"}, "#/execution", "XLA can't exchange gradients"),
        ({"hosts": 2, "folds": 2}, "#/folds", "Cross-validation runs on one host only"),
        ({"hosts": 2, "model": "summed"}, "#/hosts", 'The loss has the `reduction` "sum"'),
    ],
    ids=str,
)
def test_what_several_hosts_can_not_do_is_refused(
    ready: ApiClient, changes: dict[str, Any], pointer: str, detail: str
) -> None:
    (fault,) = ready.post("/v1/training-jobs", TRAINING | changes, 422)["errors"]
    assert fault["pointer"] == pointer
    assert detail in fault["detail"]


def test_a_job_on_several_hosts_says_how_it_is_executed_and_for_what_it_waits(ready: ApiClient) -> None:
    job = ready.post("/v1/training-jobs", TRAINING | {"hosts": 2}, 202)
    assert (job["hosts"], job["execution"], job["free_workers"]) == (2, "graph", 0)
    assert job["execution_reason"] == "Steps of several hosts run as a graph, which exchanges gradients."
    assert job["status_reason"] == "waiting_for_worker"
    cancelled = ready.patch(job["links"]["self"], {"desired_status": "cancelled"})
    assert (cancelled["status"], cancelled["free_workers"]) == ("cancelled", None)
