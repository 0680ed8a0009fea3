"""Requests and responses of training jobs."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, pre_dump, validates_schema

from models.datasets import MOST_FOLDS
from models.errors import Fault
from models.gain import NO_GAIN
from models.jobs.training import KEEP, LATEST, REFIT, SNAPSHOTS_LIMITED, CrossValidation, TrainingRequest
from models.kept import NEW_CLASSES
from models.preprocessing.unfamiliar import OUT_OF_RANGE, UNKNOWN_CATEGORIES
from models.preprocessing.unfamiliar_texts import TRUNCATED, UNKNOWN_TOKENS, UNUSED_TEXT
from models.training.arithmetic import NO_BFLOAT16
from models.training.gangs.differences import DIFFERS_FROM_ONE_HOST
from models.training.plan import FLOAT32, PRECISIONS
from service import statuses
from service.api.contract.fields import (
    LARGEST_INTEGER,
    LONGEST_NAME,
    MESSAGES,
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
    JobListQuery,
    JobProgressSchema,
    TransitionSchema,
    WantedData,
    link_resources,
    present_job,
)
from service.api.contract.schemas.models import COMPONENT, METRIC_VALUES
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    NAMED,
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
from service.api.contract.schemas.snapshots import Epoch, SnapshotsSchema
from service.api.http.links import evaluation_url, training_job_url
from service.operations.jobs import orders
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.training_choices import find_component_faults
from service.storage.documents import LOG_REDUCED
from service.storage.records import Job

EXECUTIONS = ("auto", "graph", "compiled")


class EarlyStoppingSchema(Schema):
    """The conditions of early stopping."""

    monitor = Text(
        100,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The metric to monitor, such as `val_accuracy`; null: `val_loss` with validation rows, else "
            "`loss`."
        },
    )
    patience = Whole(
        0, load_default=5, metadata={"description": "The number of epochs without improvement before training stops."}
    )
    min_delta = Amount(
        0, load_default=0.0, metadata={"description": "The smallest change that counts as an improvement."}
    )
    restore_best = Flag(
        load_default=True, metadata={"description": "Whether to restore the weights of the best epoch."}
    )


class StartFromSchema(Schema):
    """The version, or the snapshot of a training job, that provides the initial weights."""

    model = Reference(metadata={"description": "The version's model. Default: the model that is trained."})
    version = Whole(1, metadata={"description": "The version's number."})
    label = Reference(metadata={"description": "Instead of `version`: a label that points to it."})
    training_job = Reference(metadata={"description": "Instead of a version: the id of a training job of this model."})
    epoch = Epoch(metadata={"description": "With `training_job`: the epoch of its snapshot. Default: `latest`."})

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("version", "label", "training_job") if name in data]
        if len(given) != 1:
            detail = "is required unless `label` or `training_job` is set; set only one of them"
            raise ValidationError(detail, "version")
        if "epoch" in data and given != ["training_job"]:
            raise ValidationError("belongs to a `training_job`, which isn't set", "epoch")
        if "model" in data and given == ["training_job"]:
            raise ValidationError("must be omitted: a snapshot belongs to the model that is trained", "model")

    @post_load
    def _complete(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"epoch": LATEST, **data} if "training_job" in data else data


class TrainingOptionsSchema(Schema):
    """The options of a training."""

    epochs = Whole(1, required=True, metadata={"description": "The number of passes over the training rows."})
    batch_size = Whole(
        1, load_default=32, metadata={"description": "The number of rows in a step, on each of the `hosts`."}
    )
    shuffle = Flag(load_default=True, metadata={"description": "Whether to shuffle the rows in each epoch."})
    seed = Whole(
        0,
        load_default=None,
        allow_none=True,
        metadata={"description": "The random seed; null: a random one, which the response shows."},
    )
    optimizer = Anything(
        load_default=None,
        allow_none=True,
        metadata=COMPONENT | {"description": "An optimizer that replaces the model's; null: the model's."},
    )
    start_from = Part(
        StartFromSchema,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The version, or the snapshot of a training job of the same model, that provides the "
            "initial weights; null: random weights. The optimizer's state is not reused. Labels, `latest` and `best` "
            "are resolved to numbers at the job's creation."
        },
    )
    preprocessing = Choice(
        KEEP,
        REFIT,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "With `start_from`, or a model whose Pretrained layers take its input. `keep`: inputs "
            "and targets are encoded and scaled as in the version that the weights come from. `refit`: they "
            "are fitted to the training rows. null: `keep` if there is such a version."
        },
    )
    class_weights = Anything(
        "string",
        "object",
        load_default=None,
        allow_none=True,
        metadata={
            "description": '`"balanced"`, or an object with a weight for each class. The default weight is 1.',
            "maxLength": 8,
            "pattern": "^balanced$",
        },
    )
    early_stopping = Part(
        EarlyStoppingSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "The conditions of early stopping; null: all epochs are trained."},
    )
    learning_rate_schedule = Anything(
        "object",
        load_default=None,
        allow_none=True,
        metadata={"description": "The `type` of a Keras schedule, or `ReduceLROnPlateau`, with its parameters."},
    )
    checkpoint_seconds = Amount(
        0,
        LARGEST_INTEGER,
        load_default=60.0,
        metadata={"description": "The time between checkpoints, and so the most training time that a crash can cost."},
    )
    time_limit_seconds = Amount(
        1,
        LARGEST_INTEGER,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Training ends after this time, with the weights of the best epoch. The time starts after "
            "the first step, because that step includes the compilation of the network."
        },
    )
    label = Name(load_default=None, allow_none=True, metadata={"description": "A label to point to the new version."})
    priority = Whole(0, 9, load_default=5, metadata={"description": "Jobs with a higher priority run first."})
    queue = Name(
        load_default="cpu", metadata={"description": "The queue, which determines the workers that can run the job."}
    )
    hosts = Whole(
        1,
        load_default=1,
        metadata={
            "description": "The number of workers that train together, data-parallel. Each computes on `batch_size` "
            "rows of every step, so 2 hosts train as one with twice the batch. The job starts once that many workers "
            "are free at the same time, and ends, pauses and resumes as one."
        },
    )
    execution = Choice(
        *EXECUTIONS,
        load_default="auto",
        metadata={
            "description": "How the network is executed. The response shows the choice that replaced `auto`, "
            "unless the job still waits for its model or dataset."
        },
    )
    precision = Choice(
        *PRECISIONS,
        load_default=FLOAT32,
        metadata={
            "description": "The precision in which the layers compute while they are trained. `bfloat16`: as under "
            "Keras's policy `mixed_bfloat16`, which is faster on CPUs with AMX, and less exact; weights, checkpoints, "
            "files and predictions stay in 32-bit floats. It is never chosen automatically."
        },
    )
    snapshots = Part(
        SnapshotsSchema,
        load_default={"every": 1, "keep": None},
        allow_none=True,
        metadata={
            "description": "Which epochs keep their weights, so that you can predict with them, make versions of them "
            "and start trainings from them; null: none. If omitted, as many evenly spaced epochs as fit."
        },
    )


class Folds(fields.Raw):
    """A number of folds. A list, as in a job, stands for its length: a job can be posted again."""

    def __init__(self, **options: Any) -> None:
        self._message = f"must be an integer between 2 and {MOST_FOLDS}, or the list of a job's folds"
        shown = {"type": ["integer", "array"], "minimum": 2, "maximum": MOST_FOLDS, "items": {}}
        items = {"minItems": 2, "maxItems": MOST_FOLDS, "format": "int32"}
        metadata = shown | items | options.pop("metadata")
        super().__init__(error_messages=MESSAGES, metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        count = len(value) if isinstance(value, list) else value
        if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= MOST_FOLDS:
            raise ValidationError(self._message)
        return count


class CreateTrainingJobSchema(TrainingOptionsSchema):
    """A new training job."""

    model = Reference(required=True, metadata={"description": "The model's name."})
    dataset = Reference(required=True, metadata={"description": "The dataset's name. The dataset must fit the model."})
    dataset_version = WantedData()
    folds = Folds(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The number of folds for cross-validation: for each, a network is trained on the training "
            "rows of the others and evaluated on its own. Then the version is trained on all training rows. null: none."
        },
    )
    metadata = Metadata()

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return find_component_faults(members.get("optimizer"), members.get("learning_rate_schedule"))


DESIRED_STATUSES = (statuses.RUNNING, statuses.PAUSED, statuses.STOPPED, statuses.CANCELLED)


class TrainingJobListQuery(JobListQuery):
    """The parameters of a list of training jobs."""

    parent = Text(
        LONGEST_NAME,
        metadata={"description": "Only jobs that started from a version or a snapshot of the training job of this id."},
    )


class TrainingJobChangesSchema(Schema):
    """The changes to a training job."""

    desired_status = Choice(
        *DESIRED_STATUSES,
        metadata={
            "description": "`paused` pauses and `running` resumes the training. `stopped` ends it and creates a "
            "version, `cancelled` ends it without one."
        },
    )
    epochs = Whole(1, metadata={"description": "The new total number of epochs; takes effect after the current epoch."})
    learning_rate = Amount(
        0,
        metadata={"description": "The new learning rate; takes effect with the next epoch. 409 if a schedule sets it."},
    )
    metadata = MetadataChanges()


class ProgressSchema(JobProgressSchema):
    """A training's progress. `fraction` and `eta_seconds` include the trainings of all folds."""

    sometimes = ("fold",)

    epoch = Count("The current or last epoch; 0 before the first, and while folds are trained.", example=3)
    epochs = Count("The total number of epochs.", example=5)
    fold = Count("The fold that is being trained, from 1.", 1, example=2)


class FoldSchema(AnswerSchema):
    """A fold of a cross-validation."""

    metrics = Mapping(
        "The loss and the metrics on the fold's held-out rows; null before the fold is finished.",
        METRIC_VALUES,
        allow_none=True,
        example={"loss": 0.12, "accuracy": 0.97},
    )


class ParentSchema(AnswerSchema):
    """What a training started from: a version, or the snapshot of a training job."""

    sometimes = ("model", "version", "training_job", "epoch")

    model = Words("The version's model.", example="flowers", **NAMED)
    version = Count("The version's number.", 1, example=1)
    training_job = Identifier("tj", "The training job.")
    epoch = Count("The epoch of its snapshot.", 1, example=12)


class SpreadSchema(AnswerSchema):
    """A metric over all folds."""

    mean = Number("The mean; null if a fold's value isn't finite.", allow_none=True, example=0.96)
    std = Number("The standard deviation of the folds' values.", 0, allow_none=True, example=0.01)


class RuntimeSchema(AnswerSchema):
    """The environment of a training, the same in every attempt."""

    sometimes = ("resident_bytes", "tensorflow", "keras")

    threads = Count("The number of threads that compute.", 1, example=2)
    resident_bytes = Count("The most bytes of rows that are kept in memory.", example=1_073_741_824)
    tensorflow = Words("The version of TensorFlow.", 100, example="2.21.0")
    keras = Words("The version of Keras.", 100, example="3.14.0")


class JobWarningSchema(AnswerSchema):
    """Something that the client should know although the job hasn't failed."""

    type = OneOf(
        "`checkpoint_skipped`: a checkpoint couldn't be saved. `checkpoint_unreadable`: the job resumed from an "
        "earlier one, or began again. `snapshot_skipped`: a snapshot couldn't be saved. `snapshots_limited`: "
        "fewer snapshots fit than the job should keep. `paused`: the service paused the job. "
        "`unknown_categories`: categories of the training rows have no input of their own. `out_of_range`: "
        "values of the training rows are unlike those that the kept preprocessing learned. `new_classes`: the "
        "version that training starts from doesn't know classes. `unused_text`: the model takes no column of "
        "texts. `truncated`: texts of the training rows are longer than the model's input. `unknown_tokens`: "
        "tokens of the training rows aren't in the kept vocabulary. `no_bfloat16`: the request chose bfloat16, "
        "and no layer computes in it. `differs_from_one_host`: layers compute differently on several hosts "
        "than on one. `not_better_than_baseline`: the trained network is no better than the naive guess. "
        "`log_reduced`: some time after its end, events were removed from the job's log.",
        "checkpoint_skipped",
        "checkpoint_unreadable",
        "snapshot_skipped",
        SNAPSHOTS_LIMITED,
        "paused",
        UNKNOWN_CATEGORIES,
        OUT_OF_RANGE,
        NEW_CLASSES,
        UNUSED_TEXT,
        TRUNCATED,
        UNKNOWN_TOKENS,
        NO_BFLOAT16,
        DIFFERS_FROM_ONE_HOST,
        NO_GAIN,
        LOG_REDUCED,
    )
    detail = Words("An explanation.", example="The checkpoint at epoch 3, step 20 can't be saved. The disk is full.")


class TrainingJobSchema(TrainingOptionsSchema, JobHeadSchema):  # the last base's fields come first
    """A training job."""

    epochs = Whole(
        0,
        metadata={
            "description": "The number of passes over the training rows; 0 if the job makes a version of a snapshot."
        },
    )
    parent = Inner(
        ParentSchema, "The version or snapshot that the training started from; null: random weights.", allow_none=True
    )
    execution_reason = Words(
        "Why the network is executed in this way; null while the job waits for its model or dataset, and for jobs "
        "of an older Fitserve.",
        allow_none=True,
        example="Compiling takes about 0.5 s, more than it saves in 150 steps.",
    )
    model_id = Identifier("md", "The model's id. It distinguishes models that had the same name.")
    dataset_id = Identifier("ds", "The dataset's id.")
    desired_status = OneOf("The status that the client requested.", *DESIRED_STATUSES)
    attempt = Count("The number of the attempt, from 1. It increases when the job's process crashes.", example=1)
    runtime = AsItIs(RuntimeSchema, "The environment of the training; null before the first start.", allow_none=True)
    free_workers = Count(
        "How many workers with the same versions are free for the job, while it is queued and has several `hosts`; "
        "else null.",
        allow_none=True,
        example=None,
    )
    learning_rate = Number(
        "The learning rate that the client last set; null if the optimizer or a schedule sets it.",
        0,
        allow_none=True,
        example=None,
    )
    progress = Inner(ProgressSchema, "The training's progress.")
    metrics = Mapping(
        "The metrics of the latest finished epoch; null before the first.", METRIC_VALUES, allow_none=True
    )
    baseline = Mapping(
        "The same metrics of a naive guess: the share of each class in the training rows, the mean of their targets or "
        "the last value of a series whose steps contain the target's past. Null before it is known.",
        METRIC_VALUES,
        allow_none=True,
        example={"loss": 1.09, "accuracy": 0.33},
    )
    best = Mapping(
        "The best `epoch` and its value of the metric that `early_stopping` monitors, else of the loss (on the "
        "validation rows if there are any).",
        METRIC_VALUES,
        allow_none=True,
        example={"epoch": 3, "val_loss": 0.05},
    )
    folds = Listing(
        "The folds of the cross-validation, in order; null without one.",
        Inner(FoldSchema, ""),
        MOST_FOLDS,
        allow_none=True,
        example=None,
    )
    folds_summary = Mapping(
        "The mean and the standard deviation of each metric over the folds; null before all are finished.",
        Inner(SpreadSchema, ""),
        allow_none=True,
        example=None,
    )
    version = Count(
        "The number of the version that the job created; null before success.", 1, allow_none=True, example=1
    )
    metadata = ShownMetadata()
    error = Inner(FailureSchema, "The error of a failed job, else null.", allow_none=True)
    warnings = Listing("The first 100 warnings, each of them once.", Inner(JobWarningSchema, ""), 100, example=[])
    created_at = Moment("The creation time.")
    started_at = Moment("The time of the first start; null before.", allow_none=True)
    finished_at = Moment("The time when the job became final; null before.", allow_none=True)
    transitions = Listing("All changes of the status, in order.", Inner(TransitionSchema, ""), MOST_TRANSITIONS)
    last_event = Count("The `seq` of the latest event, to follow the job from here.", example=12)
    links = Links(
        "`self`, `metrics`, `events`, `log`, `snapshots`, `model`, `dataset`; after success `version`, `predictions`, "
        "`evaluation`."
    )

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, epochs = view.job, orders.current_epochs(view.job)
        request = TrainingRequest.from_document(job.request).to_document()
        return {
            **request,
            "parent": request["start_from"],
            **present_job(view),
            **{member: getattr(job, member) for member in ("runtime", "metrics", "baseline", "best", "warnings")},
            **_present_folds(view.job),
            "epochs": epochs,
            "progress": orders.progress(job) or NO_PROGRESS | {"epoch": 0, "epochs": epochs},
            "learning_rate": orders.current_learning_rate(job),
            "free_workers": view.free_workers,
            "last_event": job.last_seq,
            "links": _links(view),
        }


def _present_folds(job: Job) -> dict[str, Any]:
    count = TrainingRequest.from_document(job.request).folds
    if count is None:
        return {"folds": None, "folds_summary": None}
    finished = CrossValidation.from_document(job.result or {})
    left = count - len(finished.folds)
    return {
        "folds": [{"metrics": metrics} for metrics in [*finished.folds, *[None] * left]],
        "folds_summary": None if left else finished.summarize(),
    }


def _links(view: JobView) -> dict[str, str | None]:
    url = training_job_url(view.job.id)
    links: dict[str, str | None] = {
        "self": url,
        "metrics": f"{url}/metrics",
        "events": f"{url}/events",
        "log": f"{url}/log",
        "snapshots": f"{url}/snapshots",
    }
    links |= link_resources(view)
    version = links.pop("version")
    if view.evaluation is not None:
        links["evaluation"] = evaluation_url(view.evaluation)
    return links if version is None else links | {"version": version, "predictions": f"{version}/predictions"}
