"""Evaluations, when clients and workers change the same things at once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelsError
from models.jobs.evaluation import EvaluationResult
from models.jobs.training import TrainingRequest, TrainingResult
from models.version_details import VersionDetails
from service import statuses
from service.context import Context
from service.errors import Conflict, InUse, LeaseLost, ServiceError
from service.operations.catalog import datasets, models, versions
from service.operations.jobs import client_jobs, queue
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import evaluation as evaluations
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.storage.paging import PageQuery
from service.storage.records import Job
from tests.contexts import default_context
from tests.databases import KINDS, migrated_settings
from tests.service.api.fake_worker import FakeWorker

LINE = {
    "name": "line", "task": "regression", "description": "", "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}], "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
}  # fmt: skip
DATASET = {
    "name": "line", "source": "inline", "inputs": [[0], [1], [2], [3]], "targets": [0, 1, 2, 3], "split": {"test": 0.5},
}  # fmt: skip
EVALUATION: dict[str, Any] = {
    "model": "line", "version": None, "label": None, "dataset": "line", "dataset_version": None, "split": "test",
    "threshold": None,
    "variant": None,
}  # fmt: skip
FIGURES = EvaluationResult(loss=0.5).to_document()
ERROR = {"code": "incomplete-version", "detail": "It can't be loaded.", "faults": []}


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """With a version of `line`."""
    with migrated_settings(request.param, tmp_path) as settings:
        context = default_context(settings)
        datasets.create(context, DATASET)
        models.create(context, LINE)
        worker = FakeWorker(context)
        worker.run_all()
        train(context)
        worker.run_all()
        yield context
        context.database.close()


def train(context: Context) -> str:
    request = TrainingRequest("line", "line", epochs=1, seed=1)
    with context.database.write() as session:
        model, dataset = models.find(session, "line"), datasets.get(context, "line").dataset
        columns: dict[str, Any] = {
            "model_id": model.id,
            "model_name": "line",
            "dataset_id": dataset.id,
            "dataset_name": "line",
        }
        columns["dataset_version"] = dataset.version
        return queue.enqueue(context, session, training_jobs.KIND, request, **columns).id


def evaluate(context: Context) -> str:
    return evaluations.create(context, EVALUATION)


def claim(context: Context, kind: str = "evaluation") -> tuple[Lease, Job]:
    claimed = execution.claim(context, "wk_test", [kind], ["cpu"], {})
    assert claimed is not None
    return claimed


def made(context: Context) -> list[Job]:
    return [view.job for view in client_jobs.list_page(context, evaluations.KIND, PageQuery()).items]


def training_result(context: Context, lease: Lease) -> dict[str, Any]:
    (context.artifacts.stage(lease.staging_name) / "network.onnx").write_text("weights")
    return TrainingResult(VersionDetails(servable=True), EvaluationResult.from_document(FIGURES)).to_document()


def test_a_success_that_is_told_twice_makes_one_evaluation(context: Context) -> None:
    before = len(made(context))
    job_id = train(context)
    lease, _ = claim(context, "training")
    result = training_result(context, lease)
    execution.succeed(context, lease, result)
    execution.succeed(context, lease, result)
    assert len(made(context)) == before + 1
    assert made(context)[0].made_by == job_id
    assert client_jobs.get(context, training_jobs.KIND, job_id).evaluation == made(context)[0].id


def test_a_training_that_was_cancelled_at_its_end_leaves_no_evaluation(context: Context) -> None:
    before = len(made(context))
    job_id = train(context)
    lease, _ = claim(context, "training")
    result = training_result(context, lease)
    training_jobs.change(context, job_id, {"desired_status": statuses.CANCELLED})
    execution.succeed(context, lease, result)
    assert client_jobs.get(context, training_jobs.KIND, job_id).job.status == statuses.CANCELLED
    assert len(made(context)) == before


def test_cancelling_wins_over_a_success_that_comes_later(context: Context) -> None:
    job_id = evaluate(context)
    lease, _ = claim(context)
    client_jobs.change(context, evaluations.KIND, job_id, {"desired_status": statuses.CANCELLED})
    execution.succeed(context, lease, FIGURES)
    ended = client_jobs.get(context, evaluations.KIND, job_id).job
    assert (ended.status, ended.result) == (statuses.CANCELLED, None)


def test_a_success_that_came_first_is_kept(context: Context) -> None:
    job_id = evaluate(context)
    lease, _ = claim(context)
    execution.succeed(context, lease, FIGURES)
    with pytest.raises(Conflict):
        client_jobs.change(context, evaluations.KIND, job_id, {"desired_status": statuses.CANCELLED})
    assert client_jobs.get(context, evaluations.KIND, job_id).job.result == FIGURES


def test_an_evaluation_whose_worker_was_lost_runs_again_and_the_lost_one_writes_nothing(context: Context) -> None:
    job_id = evaluate(context)
    lost, _ = claim(context)
    (sighting,) = execution.sightings(context)
    assert execution.reap(context, sighting)
    lease, _ = claim(context)
    with pytest.raises(LeaseLost):
        execution.succeed(context, lost, FIGURES)
    execution.succeed(context, lease, FIGURES)
    assert client_jobs.get(context, evaluations.KIND, job_id).job.status == statuses.SUCCEEDED


def test_a_failed_evaluation_says_why_and_lets_go_of_what_it_needed(context: Context) -> None:
    job_id = evaluate(context)
    lease, _ = claim(context)
    with pytest.raises(InUse):
        versions.delete(context, "line", 1)
    execution.fail(context, lease, ERROR)
    assert client_jobs.get(context, evaluations.KIND, job_id).job.error == ERROR
    versions.delete(context, "line", 1)


def test_a_version_is_deleted_or_evaluated_but_never_both(context: Context) -> None:
    outcomes: list[str] = []

    def attempt(what: str, action: Any) -> None:
        try:
            action()
            outcomes.append(what)
        except (ServiceError, ModelsError):
            pass

    threads = [
        threading.Thread(target=attempt, args=("evaluated", lambda: evaluate(context))),
        threading.Thread(target=attempt, args=("deleted", lambda: versions.delete(context, "line", 1))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1
