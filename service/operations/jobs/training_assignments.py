"""The assignment of a process that trains: the whole training, or its share of one on several workers."""

from pathlib import Path

from models.jobs.training import TrainingAssignment, TrainingRequest
from models.training.gangs.gang import Membership
from service.context import Context
from service.errors import NotFound
from service.operations.jobs import inputs
from service.storage import models
from service.storage.artifact_keys import upload_key
from service.storage.records import Job


def describe(
    context: Context, job: Job, gang: Membership | None, *, is_copied: bool, snapshots: Path | None = None
) -> TrainingAssignment:
    """The assignment of a claimed training job. `is_copied`: its first weights are those of its upload. `snapshots` is
    the folder for those that the process takes. Raises NotFound if a resource that it needs was deleted."""
    artifacts = context.artifacts
    with context.database.read() as session:
        model = models.by_id(session, job.model_id)
    if model is None:
        raise NotFound("The model of the job was deleted.")
    copied = {0: artifacts.folder(upload_key(job.id))} if is_copied else {}
    return TrainingAssignment(
        spec=model.spec,
        request=TrainingRequest.from_document(job.request),
        dataset=inputs.dataset_folder(context, job),
        pretrained=None if model.folder is None else artifacts.folder(model.folder),
        sources=copied or inputs.source_folders(context, job),
        orders=tuple(job.orders),
        checkpoints=tuple(map(artifacts.folder, () if job.checkpoint is None else job.checkpoint.folders)),
        snapshots=snapshots,
        snapshot_bytes=context.settings.snapshot_bytes,
        compiled_code=context.settings.compiled_code,
        compiled_code_bytes=context.settings.compiled_code_bytes,
        compiles_anew=job.deaths > 0,
        gang=gang,
        **inputs.bounds(context, job),
    )


def has_upload(request: dict[str, object]) -> bool:
    """Whether a training job with this request starts from weights that were copied to its upload key."""
    start = request.get("start_from")
    return isinstance(start, dict) and "training_job" in start
