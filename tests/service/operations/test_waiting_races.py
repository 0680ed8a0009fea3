"""Jobs that wait for a model or a dataset, when clients and workers change the same things concurrently."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.jobs.training import TrainingRequest
from service.config import Settings
from service.context import Context
from service.errors import Failed, InUse, NotFound
from service.operations.catalog import dataset_versions, datasets, models
from service.operations.jobs import client_jobs, waiting
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.storage.records import Job
from tests.contexts import default_context
from tests.databases import KINDS, migrated_settings
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations.stocked import DATASET, LINE, TRAINING

ERROR = {"code": "invalid-spec", "detail": "It doesn't fit.", "faults": []}


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """With the dataset `line`, and the model `line` that isn't built yet."""
    with migrated_settings(request.param, tmp_path) as settings:
        yield from _stocked(settings)


def _stocked(settings: Settings) -> Iterator[Context]:
    context = default_context(settings)
    datasets.create(context, DATASET)
    FakeWorker(context).run_all()
    models.create(context, LINE)
    yield context
    context.database.close()


def submit(context: Context, **options: Any) -> str:
    return training_jobs.create(context, TrainingRequest.from_document(TRAINING | options).to_document())


def read(context: Context, job_id: str) -> Job:
    return client_jobs.get(context, training_jobs.KIND, job_id).job


def fail_build(context: Context) -> None:
    claimed = execution.claim(context, "wk_test", ["build"], ["cpu"], {})
    assert claimed is not None
    execution.fail(context, claimed[0], ERROR)


def build(context: Context, kind: str = "build") -> None:
    claimed = execution.claim(context, "wk_test", [kind], ["cpu"], {})
    assert claimed is not None
    FakeWorker(context).finish(*claimed)


def test_a_failed_model_frees_its_name_although_a_job_waited_for_it(context: Context) -> None:
    created, _ = models.create(context, LINE | {"name": "new"})
    with context.database.read() as session:
        assert models.find(session, "new").status == "building"
    waited = submit(context, model="new")
    with pytest.raises(InUse):
        models.delete(context, "new")
    build(context)
    fail_build(context)
    with pytest.raises(Failed, match="doesn't fit"):
        models.created(context, created)
    with pytest.raises(NotFound):
        models.get(context, "new")
    assert read(context, waited).status == "failed"


def test_a_job_that_was_checked_by_a_worker_that_crashed_is_checked_by_the_next(context: Context) -> None:
    waited = submit(context)
    build(context)
    assert waiting.find_checkable(context) == [waited]
    # The worker that built the model crashes here. Until another one has checked the job, none claims it.
    assert execution.claim(context, "wk_test", ["training"], ["cpu"], {}) is None
    waiting.check(context, waited)
    assert execution.claim(context, "wk_test", ["training"], ["cpu"], {}) is not None


def test_a_job_that_two_workers_check_is_queued_once(context: Context) -> None:
    waited = submit(context)
    build(context)
    waiting.check(context, waited)
    waiting.check(context, waited)
    waiting.refuse(context, waited, ERROR)
    transitions = client_jobs.get(context, training_jobs.KIND, waited).transitions
    assert [event.data["reason"] for event in transitions] == ["waiting_for_model", None]


def test_a_job_that_is_cancelled_while_it_is_checked_stays_cancelled(context: Context) -> None:
    waited = submit(context)
    build(context)
    training_jobs.change(context, waited, {"desired_status": "cancelled"})
    waiting.check(context, waited)
    assert read(context, waited).status == "cancelled"
    assert waiting.find_checkable(context) == []


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen while the next job is checked: after it was read, before the outcome is written."""
    find_unready = client_jobs.find_unready

    def find_then_act(*resources: Any) -> str | None:
        monkeypatch.setattr(client_jobs, "find_unready", find_unready)
        found = find_unready(*resources)
        act()
        return found

    monkeypatch.setattr(client_jobs, "find_unready", find_then_act)


def test_a_job_that_two_workers_let_wait_for_its_dataset_does_so_once(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.create(context, DATASET | {"name": "later"})
    waited = submit(context, dataset="later")
    build(context)
    between(monkeypatch, lambda: waiting.check(context, waited))
    waiting.check(context, waited)
    transitions = client_jobs.get(context, training_jobs.KIND, waited).transitions
    assert [event.data["reason"] for event in transitions] == ["waiting_for_model", "waiting_for_dataset"]


def test_a_job_reads_no_version_that_was_deleted_while_it_was_checked(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"name": "table", "source": "inline", "rows": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "target": "y"}
    datasets.create(context, table)
    waited = submit(context, dataset="table")
    build(context, "import")
    build(context)

    def replace_version() -> None:
        dataset_versions.create(context, "table", {"append": [{"x": 3, "y": 3}]})
        build(context, "import")
        dataset_versions.delete(context, "table", 1)

    between(monkeypatch, replace_version)
    waiting.check(context, waited)
    assert waiting.find_checkable(context) == [waited]
    waiting.check(context, waited)
    assert read(context, waited).dataset_version == 2
