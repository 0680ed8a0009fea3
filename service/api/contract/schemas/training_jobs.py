"""Training jobs as they are posted and shown."""

from typing import Any

from marshmallow import ValidationError, pre_dump, validates_schema

from models.errors import Fault
from models.jobs.training import TrainingRequest
from service import statuses
from service.api.contract.fields import (
    LARGEST_INTEGER,
    Amount,
    Anything,
    Choice,
    Flag,
    Metadata,
    MetadataChanges,
    Moment,
    Name,
    Part,
    Reference,
    Text,
    Whole,
)
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.jobs import (
    MOST_TRANSITIONS,
    NO_PROGRESS,
    JobHeadSchema,
    JobProgressSchema,
    TransitionSchema,
    link_resources,
    present_job,
)
from service.api.contract.schemas.models import COMPONENT, METRIC_VALUES
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    AsItIs,
    Count,
    Identifier,
    Inner,
    Links,
    Listing,
    Mapping,
    Number,
    OneOf,
    ShownMetadata,
    Words,
)
from service.api.http.links import evaluation_url, training_job_url
from service.operations.jobs import orders
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds.training import find_component_faults

EXECUTIONS = ("auto", "graph", "compiled")


class EarlyStoppingSchema(Schema):
    """When training ends before its last epoch."""

    monitor = Text(
        100,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "A metric, such as `val_accuracy`; null: `val_loss` with validation rows, else `loss`."
        },
    )
    patience = Whole(0, load_default=5, metadata={"description": "Epochs without improvement that are borne."})
    min_delta = Amount(0, load_default=0.0, metadata={"description": "Less than this is no improvement."})
    restore_best = Flag(load_default=True, metadata={"description": "Keep the best epoch's weights."})


class StartFromSchema(Schema):
    """The version whose weights training starts from."""

    model = Reference(metadata={"description": "Whose version it is; left out: the model that is trained."})
    version = Whole(1, metadata={"description": "The version's number."})
    label = Reference(metadata={"description": "Instead of `version`: the one that the label points to now."})

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if ("version" in data) == ("label" in data):
            raise ValidationError("must be given, or a label, and not both", "version")


class TrainingOptionsSchema(Schema):
    """How to train."""

    epochs = Whole(1, required=True, metadata={"description": "How often the training rows are gone through."})
    batch_size = Whole(1, load_default=32, metadata={"description": "Rows of a step."})
    shuffle = Flag(load_default=True, metadata={"description": "Whether each epoch has the rows in another order."})
    seed = Whole(0, load_default=None, allow_none=True, metadata={"description": "Null: drawn, and then shown."})
    optimizer = Anything(load_default=None, allow_none=True, metadata=COMPONENT | {"description": "Null: the model's."})
    start_from = Part(
        StartFromSchema,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Whose weights training starts from, with a fresh optimizer and preprocessing fitted anew; "
            "null: fresh weights. Fixed to a number when the job is made."
        },
    )
    class_weights = Anything(
        "string",
        "object",
        load_default=None,
        allow_none=True,
        metadata={
            "description": '`"balanced"`, or a number for each class; one that is left out counts 1.',
            "maxLength": 8,
            "pattern": "^balanced$",
        },
    )
    early_stopping = Part(
        EarlyStoppingSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "When training ends before its last epoch; null: it doesn't."},
    )
    learning_rate_schedule = Anything(
        "object",
        load_default=None,
        allow_none=True,
        metadata={"description": "The `type` of one of Keras's schedules, or ReduceLROnPlateau, with its parameters."},
    )
    checkpoint_seconds = Amount(
        0,
        LARGEST_INTEGER,
        load_default=60.0,
        metadata={"description": "Time between checkpoints: what a crash can cost, and no more than that."},
    )
    time_limit_seconds = Amount(
        1,
        LARGEST_INTEGER,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Training ends after so much of it, with the weights of its best epoch; counted from the "
            "end of the first step, before which the network is compiled."
        },
    )
    label = Name(load_default=None, allow_none=True, metadata={"description": "Is pointed to the new version."})
    priority = Whole(0, 9, load_default=5, metadata={"description": "Higher ones run first."})
    queue = Name(load_default="cpu", metadata={"description": "Which workers may take it."})
    execution = Choice(*EXECUTIONS, load_default="auto", metadata={"description": "The job shows the one taken."})


class CreateTrainingJobSchema(TrainingOptionsSchema):
    """A training to run."""

    model = Reference(required=True, metadata={"description": "The model's name."})
    dataset = Reference(required=True, metadata={"description": "The dataset's name; it must be ready and fit."})
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return find_component_faults(members.get("optimizer"), members.get("learning_rate_schedule"))


DESIRED_STATUSES = (statuses.RUNNING, statuses.PAUSED, statuses.STOPPED, statuses.CANCELLED)


class TrainingJobChangesSchema(Schema):
    """What a job is to do from now on."""

    desired_status = Choice(
        *DESIRED_STATUSES,
        metadata={
            "description": "`paused` and `running` again; `stopped` ends now and keeps the model, `cancelled` ends and "
            "keeps nothing."
        },
    )
    epochs = Whole(1, metadata={"description": "How many in all, from the next epoch on."})
    learning_rate = Amount(0, metadata={"description": "From the next epoch on; 409 while a schedule sets it."})
    metadata = MetadataChanges()


class ProgressSchema(JobProgressSchema):
    """How far a training is."""

    epoch = Count("The epoch that is trained or was the last; 0 before the first.", example=3)
    epochs = Count("How many there are to be.", example=5)


class RuntimeSchema(AnswerSchema):
    """What a training runs with, the same in every attempt."""

    sometimes = ("resident_bytes", "tensorflow", "keras")

    threads = Count("Threads that compute.", 1, example=2)
    resident_bytes = Count("Up to how many bytes the rows are kept in memory.", example=1_073_741_824)
    tensorflow = Words("The version of TensorFlow.", 100, example="2.21.0")
    keras = Words("The version of Keras.", 100, example="3.14.0")


class TrainingJobSchema(TrainingOptionsSchema, JobHeadSchema):  # the last base's members come first
    """A training job."""

    model_id = Identifier("md", "The model's id: a name used again is another model.")
    dataset_id = Identifier("ds", "The dataset's id.")
    desired_status = OneOf("What the client wants of it.", *DESIRED_STATUSES)
    attempt = Count("Grows when the training process dies.", example=1)
    runtime = AsItIs(RuntimeSchema, "Threads and versions of the libraries; null before it runs.", allow_none=True)
    learning_rate = Number(
        "As last ordered; null while it is the optimizer's or a schedule's.", 0, allow_none=True, example=None
    )
    progress = Inner(ProgressSchema, "How far it is.")
    metrics = Mapping("Of the latest epoch; null before its end.", METRIC_VALUES, allow_none=True)
    best = Mapping(
        "The best `epoch` and its value of what `early_stopping` monitors, else of the loss (of the validation rows if "
        "there are any).",
        METRIC_VALUES,
        allow_none=True,
        example={"epoch": 3, "val_loss": 0.05},
    )
    version = Count("The number of the version that it made; null before.", 1, allow_none=True, example=1)
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "Why it failed, or null.", allow_none=True)
    created_at = Moment("When it was created.")
    started_at = Moment("When its process began; null before.", allow_none=True)
    finished_at = Moment("When it became final; null before.", allow_none=True)
    transitions = Listing("Every status that it had.", Inner(TransitionSchema, ""), MOST_TRANSITIONS)
    last_event = Count("The `seq` of its latest event: to follow the job from here.", example=12)
    links = Links(
        "`self`, `metrics`, `events`, `log`, `model`, `dataset`; after success `version`, `predictions`, `evaluation`."
    )

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, epochs = view.job, orders.current_epochs(view.job)
        return {
            **TrainingRequest.from_document(job.request).to_document(),
            **present_job(view),
            **{member: getattr(job, member) for member in ("runtime", "metrics", "best")},
            "epochs": epochs,
            "progress": orders.progress(job) or NO_PROGRESS | {"epoch": 0, "epochs": epochs},
            "learning_rate": orders.current_learning_rate(job),
            "last_event": job.last_seq,
            "links": _links(view),
        }


def _links(view: JobView) -> dict[str, str | None]:
    url = training_job_url(view.job.id)
    links: dict[str, str | None] = {
        "self": url,
        "metrics": f"{url}/metrics",
        "events": f"{url}/events",
        "log": f"{url}/log",
    }
    links |= link_resources(view)
    version = links.pop("version")
    if view.evaluation is not None:
        links["evaluation"] = evaluation_url(view.evaluation)
    return links if version is None else links | {"version": version, "predictions": f"{version}/predictions"}
