"""A kind of job that only sleeps: all that a new kind takes."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment
from service.context import Context
from service.operations.jobs import inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage.artifact_keys import RESULTS
from service.storage.database import Session
from service.storage.records import Job

if TYPE_CHECKING:
    from models.tasks.channel import Channel


@dataclass(frozen=True)
class SleepRequest(Document):
    """How long to sleep."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class SleepAssignment(Assignment):
    """Sleep as the request says."""

    task: ClassVar = "tests.service.worker.sleep_kind:run"
    request: SleepRequest


@dataclass(frozen=True)
class SleepResult(Document):
    """How long the process slept."""

    slept: float


def run(assignment: SleepAssignment, folder: Path, channel: "Channel") -> SleepResult:
    """The task."""
    began = time.monotonic()
    channel.progress({"fraction": 0.0})
    time.sleep(assignment.request.seconds)
    (folder / "dream.txt").write_text("sheep")
    return SleepResult(time.monotonic() - began)


class Sleep(Kind):
    """Sleeps, and keeps what it dreamt."""

    name = "sleep"
    prefix = "sj"
    words = "sleep job"
    assignment = SleepAssignment
    group: ClassVar = RESULTS

    def slots(self, settings: Any) -> int:
        return 2

    def describe(self, context: Context, job: Job) -> SleepAssignment:
        return SleepAssignment(request=SleepRequest.from_document(job.request), **inputs.bounds(context, job))

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success:
        job.result = SleepResult.from_document(result).to_document() | {"folder": key}
        return Success("rested")


KIND = Sleep()


def create(context: Context, seconds: float) -> str:
    """Queue a sleep; the job's id."""
    with context.database.write() as session:
        return queue.enqueue(context, session, KIND, SleepRequest(seconds)).id
