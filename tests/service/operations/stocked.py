"""A service's database and store with something in them, made by the operations and a worker that only pretends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from models.jobs.training import TrainingRequest
from service.config import Settings
from service.context import Context
from service.operations.catalog import datasets, models
from service.operations.jobs import checkpoints, queue, recording
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent
from service.storage.records import Job, Version
from tests.contexts import default_context
from tests.databases import make_database
from tests.service.api.fake_worker import FakeWorker

LINE = {
    "name": "line", "task": "regression", "description": "", "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}], "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
}  # fmt: skip
DATASET = {"name": "line", "source": "inline", "inputs": [[0], [1], [2], [3]], "targets": [0, 1, 2, 3]}
TRAINING: dict[str, Any] = {
    "model": "line", "dataset": "line", "epochs": 3, "batch_size": 32, "shuffle": True, "seed": 1, "label": None,
    "optimizer": None, "early_stopping": None, "priority": 5, "queue": "cpu", "execution": "graph",
}  # fmt: skip


def make_context(folder: Path, **settings: Any) -> Context:
    """With an SQLite database, the dataset and the model `line`."""
    made = Settings(data_dir=folder, **settings)
    make_database(made)
    return stock(made)


def stock(settings: Settings) -> Context:
    """With the dataset and the model `line` in an empty database that has the tables."""
    context = default_context(settings)
    datasets.create(context, DATASET)
    models.create(context, LINE)
    work(context)
    return context


def work(context: Context) -> None:
    """Do all that waits."""
    worker = FakeWorker(context)
    while worker.run_next():
        pass


def submit(context: Context, **request: Any) -> str:
    """Queue a training of `line`."""
    made = TrainingRequest.from_document(TRAINING | request)
    with context.database.write() as session:
        model, dataset = models.find(session, "line"), datasets.get(context, "line").dataset
        columns: dict[str, Any] = {
            "model_id": model.id,
            "model_name": "line",
            "dataset_id": dataset.id,
            "dataset_name": "line",
        }
        columns["dataset_version"] = dataset.version
        return queue.enqueue(context, session, training_jobs.KIND, made, **columns).id


def train(context: Context, **request: Any) -> str:
    """A training that has made a version; there are several types of events in its log."""
    job_id = submit(context, **request)
    claimed = claim(context)
    checkpoint(context, claimed[0])
    recording.record(context, claimed[0], [NewEvent("progress", {"fraction": 0.5})])
    FakeWorker(context).finish(*claimed)
    return job_id


def claim(context: Context) -> tuple[Lease, Job]:
    claimed = execution.claim(context, "wk_test", ["training"], ["cpu"], {"threads": 1})
    assert claimed is not None
    return claimed


def checkpoint(context: Context, lease: Lease, name: str = "checkpoint-1") -> str:
    """Publish a checkpoint and point to it, as a job's supervision does; its key."""
    folder = context.artifacts.staged(lease.staging_name) / name
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").write_text(name)
    found = job(context, lease.job_id)
    assert found is not None
    before = found.checkpoint
    key = checkpoints.publish(context, lease.job_id, lease.staging_name, name)
    kept = KeptCheckpoint(key, epoch=1, step=1, previous=before and replace(before, previous=None))
    recording.record(context, lease, [NewEvent("checkpoint", {"epoch": 1, "step": 1}, checkpoint=kept)])
    checkpoints.remove(context, before.folders[1:] if before else [])
    return key


def versions(context: Context) -> list[Version]:
    with context.database.read() as session:
        return list(session.query(Version).order_by(Version.number))


def job(context: Context, job_id: str) -> Job | None:
    with context.database.read() as session:
        return session.get(Job, job_id)


def files_of(context: Context) -> dict[str, bytes]:
    """All published files, and those that were staged."""
    root = context.artifacts.root
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".hold"
    }
