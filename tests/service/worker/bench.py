"""Everything that a worker needs around it: a real database, a folder, jobs; and a supervisor stepped by the test."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil

from models.jobs.build import BuildRequest
from models.jobs.training import TrainingRequest
from service import statuses
from service.config import DEFAULT_QUEUE, Settings
from service.errors import StorageError
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import queue
from service.operations.jobs.kinds import build as builds
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.operations.upkeep import workers
from service.origins import QUEUEING, Origin, Queueing
from service.storage import jobs
from service.storage.records import Dataset, DatasetVersion, Event, Job, Model, Version, Worker
from service.tracing import Tracing
from service.worker.processes import ProcessStarter
from service.worker.supervisor import Supervisor
from tests.contexts import default_context
from tests.databases import make_database
from tests.service.worker.fake_tasks import PRELOADED, TASK

Found = TypeVar("Found")
TIDY_SECONDS = 5


@contextlib.contextmanager
def queued_by(origin: Origin) -> Iterator[None]:
    """Jobs that the block queues come from that request."""
    before = QUEUEING.set(Queueing(origin))
    yield
    QUEUEING.reset(before)


class Bench:
    """A client's and an operator's hands on one worker; `wait_for` lets the worker work while it waits."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = replace(Settings(data_dir=folder, poll_seconds=0.01), **settings)
        if not settings.get("database_url"):
            make_database(self.settings)
        self.context = default_context(self.settings)
        self.supervisor: Supervisor | None = None
        self._add_model_and_dataset()

    def _add_model_and_dataset(self) -> None:
        now = datetime.now(UTC)
        with self.context.database.write() as session:
            if session.get(Model, "md_1") is None:
                session.add(Model(id="md_1", name="m", status=statuses.READY, task="regression", description="",
                                  document=document_of({}), created_at=now))  # fmt: skip
                data = {
                    "status": statuses.READY,
                    "source": "inline",
                    "folder": "datasets/ds_1/ij_1-1",
                    "created_at": now,
                }
                session.add(Dataset(id="ds_1", name="d", version=1, **data))
                session.flush()
                session.add(DatasetVersion(id="ds_1", dataset_id="ds_1", number=1, **data))

    def start_worker(self, start_method: str = "forkserver", tracing: Tracing | None = None) -> Supervisor:
        self.supervisor = Supervisor(self.context, ProcessStarter(start_method, TASK, PRELOADED), tracing)
        return self.supervisor

    def close(self) -> None:
        if self.supervisor is not None:
            self.supervisor.end(5)
        self.context.database.close()

    def wait_for(self, look: Callable[[], Found | None], seconds: float = 60) -> Found:
        """Look until something true is found, the worker being stepped meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.supervisor is not None:
                self.supervisor.step()
            if found := look():
                return found
            time.sleep(0.01)
        raise AssertionError(f"waited {seconds} s in vain")

    def step_without_database(self) -> None:
        assert self.supervisor is not None
        with contextlib.suppress(StorageError):
            self.supervisor.step()
        self.supervisor.pause()

    def submit(
        self,
        wishes: dict[str, Any],
        priority: int = 5,
        waits_for: str | None = None,
        queued_in: str = DEFAULT_QUEUE,
        **request: Any,
    ) -> str:
        """Queue a training job whose process does these wishes."""
        document = {"model": "m", "dataset": "d", "epochs": 1, **request, "optimizer": wishes}
        with self.context.database.write() as session:
            return queue.enqueue(
                self.context, session, training_jobs.KIND, TrainingRequest.from_document(document),
                model_id="md_1", model_name="m", dataset_id="ds_1", dataset_name="d", dataset_version=1,
                priority=priority, queue=queued_in, waits_for=waits_for, hosts=request.get("hosts", 1),
            ).id  # fmt: skip

    def submit_build(self, wishes: dict[str, Any], *, dry_run: bool = True) -> str:
        """Queue the build of a model's network."""
        with self.context.database.write() as session:
            model = None if dry_run else session.get(Model, "md_1")
            return builds.enqueue(self.context, session, BuildRequest(document_of(wishes)), [], model).id

    def job(self, job_id: str) -> Job:
        with self.context.database.read() as session:
            job = jobs.get(session, job_id)
        assert job is not None
        return job

    def events(self, job_id: str, type_: str | None = None) -> list[Event]:
        with self.context.database.read() as session:
            events = jobs.events_after(session, job_id, 0, 100_000)
        return [event for event in events if type_ in (None, event.type)]

    def transitions(self, job_id: str) -> list[tuple[str, str | None]]:
        return [(event.data["status"], event.data["reason"]) for event in self.events(job_id, "transition")]

    def printed(self, job_id: str) -> str:
        return "".join(event.data["text"] for event in self.events(job_id, "message"))

    def order(self, job_id: str, desired_status: str) -> None:
        training_jobs.change(self.context, job_id, {"desired_status": desired_status})

    def lease(self, job_id: str) -> Lease:
        return Lease(job_id, self.job(job_id).token)

    def take_lease_away(self, job_id: str) -> None:
        """As another worker's reaper and claim would."""
        lease = self.lease(job_id)
        execution.put_back(self.context, lease, "test")
        claimed = execution.claim(self.context, "wk_other", ["training"], ["cpu"], {})
        assert claimed is not None
        assert claimed[0].job_id == job_id

    def let_a_dead_worker_claim(self) -> None:
        """A worker of another host claims the next job and is never heard of again."""
        assert execution.claim(self.context, "wk_dead", ["training"], ["cpu"], {}) is not None

    def workers(self) -> list[Worker]:
        return [view.worker for view in workers.alive(self.context)]

    def wait_for_status(self, job_id: str, status: str) -> Job:
        """The job in that status; fails at once when it ended otherwise."""

        def look() -> Job | None:
            job = self.job(job_id)
            assert job.status == status or job.status not in statuses.FINAL, (job.status, job.error)
            return job if job.status == status else None

        return self.wait_for(look)

    def wait_for_epoch(self, job_id: str, run: int = 1) -> None:
        self.wait_for(lambda: [event for event in self.events(job_id, "epoch") if event.run == run])

    def wait_for_pid(self, path: Path) -> psutil.Process:
        """The process that wrote its id there."""
        self.wait_for(path.exists)
        process = psutil.Process(int(path.read_text()))
        path.unlink()
        return process

    def versions(self) -> list[Version]:
        with self.context.database.read() as session:
            return list(session.query(Version).order_by(Version.number))

    def left_behind(self) -> list[Path]:
        """Staged folders that stay: a job's end is written first, and its folder removed then."""
        folder = self.settings.artifact_folder / ".staging"
        deadline = time.monotonic() + TIDY_SECONDS
        while folder.exists() and (left := list(folder.iterdir())):
            if time.monotonic() > deadline:
                return left
            time.sleep(0.01)
        return []


def document_of(wishes: dict[str, Any]) -> dict[str, Any]:
    """A model whose only layer has the wishes as its parameters."""
    return {
        "task": "regression", "input": {"shape": [1]}, "layers": [{"type": "Wishes", **wishes}],
        "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
    }  # fmt: skip


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended; a zombie has."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def fork_server(parent: psutil.Process) -> psutil.Process:
    return next(p for p in parent.children() if "multiprocessing.forkserver" in " ".join(p.cmdline()))
