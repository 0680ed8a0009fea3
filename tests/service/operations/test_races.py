"""What happens when two clients, or a client and a worker, change the same thing at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.dataset_descriptor import DatasetDescriptor, TargetDescriptor
from models.jobs.dataset_import import ImportResult
from service.context import Context
from service.errors import Failed, LeaseLost, NotFound
from service.operations.catalog import datasets, models, versions
from service.operations.jobs import leases, recording
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.leases import Lease
from service.operations.stored_files import version_folder
from service.storage import jobs
from service.storage.folder_store import FolderStore
from service.storage.jobs import NewEvent
from service.storage.paging import PageQuery
from service.storage.records import Job
from tests.contexts import default_context
from tests.databases import KINDS, migrated_settings
from tests.journeys import specs
from tests.running_service import wait_for
from tests.service.operations import stocked

LINE = {"description": "", "metrics": [], **specs.LINE}
ERROR = {"code": "invalid-spec", "detail": "It doesn't fit.", "faults": []}


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    with migrated_settings(request.param, tmp_path) as settings:
        context = default_context(settings)
        yield context
        context.database.close()


def claim(context: Context) -> tuple[Lease, Job]:
    claimed = wait_for(lambda: execution.claim(context, "wk_test", ["build", "import"], ["cpu"], {}))
    assert claimed is not None
    return claimed


def test_a_model_that_failed_never_takes_another_of_its_name_with_it(context: Context) -> None:
    deleted, _ = models.create(context, LINE)
    claim(context)
    models.delete(context, "line")
    other, _ = models.create(context, LINE)
    lease, _ = claim(context)
    execution.succeed(context, lease, {"summary": {"layers": []}, "summary_text": ""})
    with pytest.raises(NotFound, match="deleted while it was being built"):
        models.created(context, deleted)
    assert models.get(context, "line").model.id == other.id


def test_a_failed_model_frees_its_name(context: Context) -> None:
    failed, _ = models.create(context, LINE)
    execution.fail(context, claim(context)[0], ERROR)
    with pytest.raises(Failed, match="doesn't fit"):
        models.created(context, failed)
    with pytest.raises(NotFound):
        models.get(context, "line")


def test_deleting_a_dataset_while_it_is_imported_leaves_nothing(context: Context) -> None:
    datasets.create(context, {"name": "d", "source": "inline", "inputs": [[1], [2]], "targets": [1, 2]})
    lease, _ = claim(context)
    (context.artifacts.stage(lease.staging_name) / "file").write_text("half written")
    datasets.delete(context, "d")
    execution.cancelled(context, lease)
    assert [path for path in context.artifacts.root.rglob("*") if path.is_file()] == []


def test_a_lost_answer_makes_no_epoch_twice(context: Context) -> None:
    models.create(context, LINE)
    lease, _ = claim(context)
    epochs = [NewEvent("epoch", {"epoch": epoch, "loss": 1.0}, epoch) for epoch in (1, 2)]
    recording.record(context, lease, epochs)
    recording.record(context, lease, [*epochs, NewEvent("epoch", {"epoch": 3, "loss": 1.0}, 3)])
    with context.database.read() as session:
        job = jobs.get(session, lease.job_id)
        assert job is not None
        assert jobs.epoch_numbers(session, job) == [1, 2, 3]


def test_success_is_written_once_however_often_it_is_told(context: Context) -> None:
    datasets.create(context, {"name": "d", "source": "line"})
    lease, _ = claim(context)
    context.artifacts.stage(lease.staging_name)
    descriptor = DatasetDescriptor("vector", 1, {"train": 1}, (), TargetDescriptor("y", "number"))
    result = ImportResult(descriptor).to_document()
    execution.succeed(context, lease, result)
    execution.succeed(context, lease, result)
    assert datasets.get(context, "d").dataset.status == "ready"
    with pytest.raises(LeaseLost):
        execution.fail(context, lease, ERROR)


def test_a_lease_that_was_taken_over_writes_nothing(context: Context) -> None:
    models.create(context, LINE)
    lost, _ = claim(context)
    (sighting,) = execution.sightings(context)
    assert execution.reap(context, sighting)
    claim(context)
    for write in (leases.renew, execution.put_back, execution.cancelled, leases.instructions):
        with pytest.raises(LeaseLost):
            write(context, lost)


def test_rows_of_a_dataset_that_is_deleted_meanwhile_are_not_found(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path)

    class Racing(FolderStore):
        """A store in which the dataset is deleted just before its files are opened."""

        def folder(self, key: str, *names: str) -> Path:
            datasets.delete(context, "line")
            return super().folder(key)

    racing = replace(context, artifacts=Racing(context.artifacts.root))
    with pytest.raises(NotFound, match="deleted meanwhile"):
        datasets.rows_page(racing, "line", "train", PageQuery())


def test_files_that_were_deleted_meanwhile_are_not_found(tmp_path: Path) -> None:
    context = stocked.make_context(tmp_path)
    stocked.train(context)
    (version,) = stocked.versions(context)
    versions.delete(context, "line", 1)
    with pytest.raises(NotFound):
        version_folder(context, version.folder, "network.onnx")


def test_progress_follows_the_epochs_and_no_end_is_expected_of_a_final_job(context: Context) -> None:
    models.create(context, LINE)
    lease, _ = claim(context)
    progress = {"epoch": 2, "epochs": 10, "step": 3, "steps": 5, "fraction": 0.26, "eta_seconds": 7.5}
    epochs = [NewEvent("epoch", {"epoch": epoch, "loss": 1.0}, epoch) for epoch in (1, 2, 3)]
    recording.record(context, lease, epochs[:2], progress=progress)
    assert read_job(context, lease).progress == progress
    recording.record(context, lease, epochs[2:])
    assert read_job(context, lease).progress == progress | {"epoch": 3, "step": 5, "fraction": 0.3}
    execution.fail(context, lease, ERROR)
    assert (read_job(context, lease).progress or {})["eta_seconds"] is None


def read_job(context: Context, lease: Lease) -> Job:
    with context.database.read() as session:
        job = jobs.get(session, lease.job_id)
        assert job is not None
        return job
