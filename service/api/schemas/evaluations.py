"""Evaluations as they are posted and shown."""

from typing import Any

from marshmallow import fields, pre_dump

from models.datasets.splits import SPLITS
from service import statuses
from service.api.fields import Choice, Moment, Text, Whole
from service.api.links import dataset_url, evaluation_url, model_url, training_job_url, version_url
from service.api.paging import ByTime
from service.api.problems import describe_failure
from service.api.schemas.base import Schema
from service.api.schemas.jobs import JobHeadSchema, TransitionSchema, present_transitions
from service.api.schemas.problems import FailureSchema
from service.operations.evaluations import EvaluationView


class NewEvaluationSchema(Schema):
    """An evaluation to make."""

    model = Text(63, required=True)
    version = Whole(1, load_default=None, allow_none=True, metadata={"description": "Null: the latest."})
    label = Text(63, load_default=None, allow_none=True, metadata={"description": "Instead of a version."})
    dataset = Text(
        63, required=True, metadata={"description": "It needs the version's inputs, and no classes but the version's."}
    )
    split = Choice(*SPLITS, load_default="test")


class EvaluationChangesSchema(Schema):
    """What becomes of an evaluation."""

    desired_status = Choice(statuses.CANCELLED)


class EvaluationProgressSchema(Schema):
    """How far an evaluation is; a step is a batch of rows."""

    step = fields.Integer()
    steps = fields.Integer(allow_none=True)
    fraction = fields.Float()
    eta_seconds = fields.Float(allow_none=True)


class ClassFiguresSchema(Schema):
    """How well one class is recognised. Null is what can't be told, such as the recall of a class without rows."""

    label = fields.Raw()
    precision = fields.Float(allow_none=True, metadata={"description": "Of the rows predicted as it, those that are."})
    recall = fields.Float(allow_none=True, metadata={"description": "Of its rows, those predicted as it."})
    f1 = fields.Float(allow_none=True, metadata={"description": "The harmonic mean of both."})
    support = fields.Integer(metadata={"description": "Its rows."})
    confusion_matrix = fields.List(
        fields.List(fields.Integer()),
        metadata={"description": "Of multilabel tasks: rows without and with the label, by what was predicted."},
    )


class EvaluationResultSchema(Schema):
    """What the version reaches on the split."""

    loss = fields.Float(allow_none=True, metadata={"description": "Of the network as it was trained."})
    metrics = fields.Dict(
        fields.String(),
        fields.Float(allow_none=True),
        metadata={
            "description": "The model's own metrics, as Keras computes them. For classes also `accuracy`, `roc_auc` "
            "(one class against the rest; the mean over classes; null with more than 250,000,000 scores), `log_loss`, "
            "and the means over classes of `precision`, `recall` and `f1`, each class counting the same (`macro_…`) "
            "and by its rows (`weighted_…`); for a regression `mae`, `rmse`, `r2` (the mean where there are several "
            "outputs). A class without a figure is left out of a mean."
        },
    )
    classes = fields.List(fields.Raw(), allow_none=True, metadata={"description": "Null for a regression."})
    confusion_matrix = fields.List(
        fields.List(fields.Integer()),
        allow_none=True,
        metadata={
            "description": "Rows are the true classes, columns the predicted ones, both in the order of `classes`. "
            "Null for a regression, for more than 256 classes, and for several labels a row (see `per_class`)."
        },
    )
    per_class = fields.List(fields.Nested(ClassFiguresSchema), allow_none=True)


class EvaluationSchema(JobHeadSchema):
    """An evaluation of a version on the rows of a split."""

    version = fields.Integer(metadata={"description": "Fixed when the evaluation is created."})
    split = fields.String(metadata={"enum": SPLITS})
    model_id = fields.String()
    dataset_id = fields.String()
    training_job = fields.String(
        allow_none=True, metadata={"description": "The job that made it at its end; null: a client asked for it."}
    )
    desired_status = fields.String(metadata={"enum": [statuses.RUNNING, statuses.CANCELLED]})
    attempt = fields.Integer(metadata={"description": "Grows when the evaluating process dies."})
    progress = fields.Nested(EvaluationProgressSchema)
    result = fields.Nested(EvaluationResultSchema, allow_none=True, metadata={"description": "Null before success."})
    error = fields.Nested(FailureSchema, allow_none=True)
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)
    transitions = fields.List(fields.Nested(TransitionSchema))
    links = fields.Dict(fields.String(), fields.String(allow_none=True))

    @pre_dump
    def _present(self, view: EvaluationView, **_: Any) -> dict[str, Any]:
        job = view.job
        shown = (
            "id", "version", "model_id", "dataset_id", "status", "status_reason", "desired_status", "attempt",
            "result", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        return {
            **{member: getattr(job, member) for member in shown},
            "model": job.model_name,
            "dataset": job.dataset_name,
            "split": job.request["split"],
            "training_job": job.made_by,
            "progress": job.progress or {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None},
            "error": describe_failure(job.error),
            "transitions": present_transitions(view.transitions),
            "links": _links(view),
        }


class EvaluationListQuery(ByTime):
    """Which evaluations."""

    status = Choice(*statuses.JOB_STATUSES)
    model = Text(63)
    dataset = Text(63)


def _links(view: EvaluationView) -> dict[str, str | None]:
    job, model, dataset = view.job, str(view.job.model_name), str(view.job.dataset_name)
    return {
        "self": evaluation_url(job.id),
        "model": model_url(model) if view.model_exists else None,
        "version": version_url(model, job.version or 0) if view.version_exists else None,
        "dataset": dataset_url(dataset) if view.dataset_exists else None,
        "training_job": training_job_url(str(job.made_by)) if view.maker_exists else None,
    }
