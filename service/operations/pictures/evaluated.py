"""What the pictures of an evaluation are made of."""

from dataclasses import dataclass
from typing import Any

from models.jobs.evaluation import EvaluationRequest, EvaluationResult
from service import statuses
from service.context import Context
from service.errors import NotReady
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds.evaluation import KIND
from service.storage import jobs
from service.storage.records import Job

OUTDATED = "An older Fitserve made this evaluation and kept no {what}: evaluate the version again."


@dataclass(frozen=True)
class Evaluated:
    """An evaluation that has succeeded."""

    job: Job
    result: EvaluationResult
    points: dict[str, Any] | None
    """What only pictures need; None if an older release made the evaluation."""

    @property
    def rows(self) -> int | None:
        """The number of evaluated rows with one class each, if the result has it."""
        return None if self.result.per_class is None else sum(entry["support"] for entry in self.result.per_class)

    def describe(self) -> dict[str, Any]:
        """What was evaluated, and on what."""
        split = EvaluationRequest.from_document(self.job.request).split
        return {
            "evaluation": self.job.id, "model": self.job.model_name, "version": self.job.version,
            "dataset": self.job.dataset_name, "split": split,
        }  # fmt: skip

    @property
    def where(self) -> str:
        """The version and the rows in words, such as `digits version 2 on the test rows of mnist`."""
        about = self.describe()
        return f"{about['model']} version {about['version']} on the {about['split']} rows of {about['dataset']}"


def find_evaluated(context: Context, evaluation_id: str) -> Evaluated:
    """Raises NotFound; NotReady if the evaluation hasn't succeeded."""
    with context.database.read() as session:
        job = client_jobs.find(session, KIND, evaluation_id)
        if job.status != statuses.SUCCEEDED or job.result is None:
            reason = None if job.error is None else job.error["detail"]
            raise NotReady(KIND.words, job.id, job.status, failed=job.status in statuses.FINAL, reason=reason)
        return Evaluated(job, EvaluationResult.from_document(job.result), jobs.points(session, job.id))
