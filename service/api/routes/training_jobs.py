"""`/v1/training-jobs`."""

from typing import Any

from flask import Response

from service.api.contract.blueprint import LINK_HEADER, TEXT, Blueprint
from service.api.contract.schemas.events import (
    EventsQuery,
    EventsSchema,
    JobEventDataSchema,
    MetricsQuery,
    MetricsSchema,
    present_events,
)
from service.api.contract.schemas.pictures import CurvesQuery, CurvesSchema
from service.api.contract.schemas.training_jobs import (
    CreateTrainingJobSchema,
    TrainingJobChangesSchema,
    TrainingJobListQuery,
    TrainingJobSchema,
)
from service.api.http.bodies import no_content
from service.api.http.errors import InvalidQuery, RequestFault
from service.api.http.event_ids import last_event_id
from service.api.http.handing_over import leave_stream
from service.api.http.links import TRAINING_JOBS, training_job_url
from service.api.http.media_types import EVENT_STREAM, JSON, PLAIN
from service.api.http.negotiation import choose
from service.api.http.paging import link_to_next
from service.api.http.state import context
from service.api.routes.client_jobs import create_job, get_job, show_job
from service.operations.jobs import client_jobs
from service.operations.jobs import events as job_events
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import training as training_jobs
from service.operations.pictures import curves
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("training-jobs", __name__, description="Jobs that train a model on a dataset.")


@blueprint.post(TRAINING_JOBS)
@blueprint.creates(TrainingJobSchema)
@blueprint.arguments(CreateTrainingJobSchema)
def create_training_job(request: dict[str, Any]) -> Any:
    """Start training a model on a dataset.

    The model and the dataset are checked before the job is queued: for example, if the last layer has 10 units for 3
    classes, the response is a 422 that names the layer and the fix. If the model is still `building` or the dataset
    `processing`, the job waits in the queue until they are ready, and is checked then. A successful job creates a
    version of the model. Without `Prefer: wait=N`, the response is an immediate 202.
    """
    return create_job(training_jobs.KIND, training_jobs.create, request, training_job_url)


@blueprint.get(TRAINING_JOBS)
@blueprint.lists(TrainingJobSchema)
@blueprint.query(TrainingJobListQuery)
def list_training_jobs(query: PageQuery) -> Page[JobView]:
    """List training jobs.

    Newest first by default. You can filter by status, model, dataset, parent and metadata.
    """
    return client_jobs.list_page(context(), training_jobs.KIND, query)


@blueprint.get(f"{TRAINING_JOBS}/<job_id>")
@blueprint.finds(TrainingJobSchema)
def get_training_job(job_id: str) -> Any:
    """Get a training job.

    The response has the progress and the metrics of the latest and the best epoch. `Prefer: wait=N` waits until the job
    is final. Before that, poll after `Retry-After` seconds.
    """
    return get_job(training_jobs.KIND, job_id)


@blueprint.patch(f"{TRAINING_JOBS}/<job_id>")
@blueprint.resource(TrainingJobSchema)
@blueprint.arguments(TrainingJobChangesSchema)
def change_training_job(changes: dict[str, Any], job_id: str) -> Any:
    """Pause, resume, stop or cancel a training job, or change its epochs, learning rate or metadata.

    The body is a merge patch (RFC 7396). If the request changes nothing, the response is 200. If the job is final, any
    other change of its training gets a 409. An order takes effect at the next step or epoch; `status` shows whether it
    has.
    """
    return show_job(training_jobs.change(context(), job_id, changes))


@blueprint.delete(f"{TRAINING_JOBS}/<job_id>")
@blueprint.deletes
def delete_training_job(job_id: str) -> None:
    """Delete a final training job.

    The version that it created stays. If the job isn't final, the response is 409: cancel it first.
    """
    client_jobs.delete(context(), training_jobs.KIND, job_id)


@blueprint.get(f"{TRAINING_JOBS}/<job_id>/metrics")
@blueprint.resource(MetricsSchema)
@blueprint.query(MetricsQuery)
def get_metrics(query: dict[str, Any], job_id: str) -> Any:
    """Get the metrics of a training job's epochs.

    By default, the response has all epochs. `after` selects later ones; `points` reduces them for a chart. Numbers that
    aren't finite are null. If a job has very many epochs, the service keeps only evenly spaced ones some time after its
    end. The job then has the warning `log_reduced`.
    """
    return {"epochs": training_jobs.epochs(context(), job_id, **query)}


@blueprint.get(f"{TRAINING_JOBS}/<job_id>/events")
@blueprint.response(200, EventsSchema, headers=LINK_HEADER)
@blueprint.streams(JobEventDataSchema)
@blueprint.query(EventsQuery)
def list_events(query: dict[str, Any], job_id: str) -> Any:
    """List the events of a training job, or stream them as server-sent events.

    With `Accept: text/event-stream`, each event has its `seq` as `id`, its type as `event` and its data as JSON in
    `data`. A comment is sent every 15 s. The stream ends with the job's final status. A 204 means that the job is final
    and the client has all events; it stops clients from reconnecting.
    """
    last = last_event_id(default=query["after"])
    if choose(JSON, EVENT_STREAM) == EVENT_STREAM:
        return no_content() if job_events.is_over(context(), job_id, last) else leave_stream(job_id, last)
    events, more = job_events.read(context(), job_id, **query)
    document = present_events(job_id, query["limit"], events, more)
    return document, 200, link_to_next(document["next"])


@blueprint.get(f"{TRAINING_JOBS}/<job_id>/log")
@blueprint.response(200, TEXT, content_type=PLAIN)
def get_log(job_id: str) -> Response:
    """Get the output of the training process.

    The log also has a line for each finished epoch, as Keras prints it with `verbose=2`, and a line for each change of
    `epochs` or `learning_rate` that took effect.
    """
    choose(PLAIN)
    last, pieces = job_events.text_log(context(), job_id)
    response = Response(pieces, mimetype=PLAIN)
    response.set_etag(f"{job_id}-{last}")
    return response


@blueprint.get(f"{TRAINING_JOBS}/<job_id>/curves")
@blueprint.picture("curves", CurvesSchema, CurvesQuery)
def get_training_curves(query: dict[str, Any], job_id: str) -> Any:
    """Draw the loss and the metrics of a training job by epoch.

    Each metric has a panel with its values on training and validation rows. The best epoch and changes of the learning
    rate are marked. `jobs` draws several jobs together. The picture of a running job shows its epochs so far.
    """
    if unknown := curves.find_unknown(context(), query["jobs"]):
        detail = f'"jobs" names training jobs that don\'t exist: {", ".join(unknown)}.'
        raise InvalidQuery(detail, [RequestFault(detail, parameter="jobs")])
    return curves.describe(context(), [job_id, *query["jobs"]], query["points"], query["metric"])
