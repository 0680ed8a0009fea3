"""Build jobs: they check that a posted model can be built, exported and trained."""

from typing import Any, ClassVar

from models.errors import Fault, InvalidSpec
from models.jobs.build import BuildAssignment, BuildRequest, BuildResult
from models.pretrained import pretrained_layers
from models.spec import NetworkSpec
from service import statuses
from service.config import Settings
from service.context import Context
from service.operations.catalog import sources
from service.operations.catalog.sources import Source
from service.operations.jobs import inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage import models
from service.storage.artifact_keys import key_below, versions_key
from service.storage.database import Session
from service.storage.records import Job, Model


class Build(Kind):
    """Builds a model's network. The job of a dry run belongs to no model."""

    name = "build"
    prefix = "bj"
    words = "build job"
    assignment = BuildAssignment
    from_clients: ClassVar = False
    stores: ClassVar = False
    makes: ClassVar = "model"

    def slots(self, settings: Settings) -> int:
        return settings.build_slots

    def memory_bytes(self, settings: Settings) -> int:
        """Concurrent builds share the memory of one job."""
        return settings.job_memory_bytes // settings.build_slots

    def describe(self, context: Context, job: Job) -> BuildAssignment:
        request = BuildRequest.from_document(job.request)
        return BuildAssignment(
            spec=NetworkSpec.from_document(request.document),
            made_for=request.made_for,
            sources=inputs.source_folders(context, job),
            **inputs.bounds(context, job),
        )

    def output_key(self, job: Job, execution: str) -> str | None:
        """The key of a network's weights, if it has weights from other models' versions. Other builds have no files."""
        takes_weights = pretrained_layers(BuildRequest.from_document(job.request).document["layers"])
        keeps_weights = job.model_id is not None and takes_weights
        return key_below(versions_key(job.model_id), execution) if keeps_weights else None

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        built = BuildResult.from_document(result)
        job.result = {"summary": built.summary}
        if job.model_id is None:
            return Success()
        model = models.by_id(session, job.model_id)
        if model is None:
            return None
        model.status, model.summary, model.summary_text = statuses.READY, built.summary, built.summary_text
        model.folder = key
        return Success()

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:
        model = models.by_id(session, job.model_id)
        if model is not None:
            model.status, model.error = statuses.FAILED, error

    def explain_timeout(self, settings: Settings, seconds: float) -> dict[str, Any] | None:
        if seconds <= settings.build_seconds:
            return None
        return _invalid_network(
            f"The network was not built within {settings.build_seconds:g} s. Use fewer layers or shorter "
            "sequences, or increase FITSERVE_BUILD_SECONDS."
        )

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        return _invalid_network(f"TensorFlow crashes ({signal_name}) on this network: one of its layers is invalid.")


def _invalid_network(detail: str) -> dict[str, Any]:
    return InvalidSpec(Fault(detail, "#/layers")).to_dict()


KIND = Build()


def enqueue(
    context: Context, session: Session, request: BuildRequest, taken_from: list[Source], model: Model | None = None
) -> Job:
    """Queue the build of a new model's network, or of a dry run's. Lock the models of the sources first.

    Raises QueueFull; InvalidRequest if one of the sources was deleted meanwhile.
    """
    columns: dict[str, Any] = {} if model is None else {"model_id": model.id, "model_name": model.name}
    job = queue.enqueue(context, session, KIND, request, **columns)
    sources.protect_versions(session, job, taken_from)
    return job
