"""Jobs that help a training job on another worker. The job that they help has all results."""

from typing import Any, ClassVar

from models.jobs.training_member import TrainingMemberAssignment, TrainingMemberRequest
from service import statuses
from service.context import Context
from service.errors import NotFound
from service.operations.jobs import training_assignments
from service.operations.jobs.kind import Kind, Success
from service.storage import jobs
from service.storage.database import Session
from service.storage.records import Job


class TrainingMember(Kind):
    """Trains a network together with the job that it helps. It ends when that ends, and is never resumed."""

    name = "training_member"
    prefix = "tm"
    words = "job that helps a training job"
    assignment = TrainingMemberAssignment
    from_clients: ClassVar = False
    stores: ClassVar = False
    trains: ClassVar = True
    taking_slots_of: ClassVar = "training"
    runs_once: ClassVar = True

    def describe(self, context: Context, job: Job) -> TrainingMemberAssignment:
        request = TrainingMemberRequest.from_document(job.request)
        with context.database.read() as session:
            leader = jobs.get(session, request.training_job)
        if leader is None or leader.token != request.token or leader.status not in statuses.CLAIMED:
            raise NotFound("The training that the job helps has ended.")
        training = training_assignments.describe(
            context, leader, request.membership, is_copied=training_assignments.has_upload(leader.request)
        )
        return TrainingMemberAssignment(training=training, limits=training.limits, runtime=training.runtime)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success:
        return Success()


KIND = TrainingMember()
