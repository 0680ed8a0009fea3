"""Evaluations as they are posted and shown."""

from typing import Any

from marshmallow import fields, pre_dump

from models.datasets.splits import SPLITS
from service.api.fields import Choice, Text, Whole
from service.api.links import evaluation_url, training_job_url
from service.api.schemas.base import Schema
from service.api.schemas.jobs import VersionJobSchema, link_resources, present_job
from service.operations.client_jobs import JobView


class NewEvaluationSchema(Schema):
    """An evaluation to make."""

    model = Text(63, required=True)
    version = Whole(1, load_default=None, allow_none=True, metadata={"description": "Null: the latest."})
    label = Text(63, load_default=None, allow_none=True, metadata={"description": "Instead of a version."})
    dataset = Text(
        63, required=True, metadata={"description": "It needs the version's inputs, and no classes but the version's."}
    )
    split = Choice(*SPLITS, load_default="test")


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


class EvaluationSchema(VersionJobSchema):
    """An evaluation of a version on the rows of a split. A step of its progress is a batch of rows."""

    split = fields.String(metadata={"enum": SPLITS})
    training_job = fields.String(
        allow_none=True, metadata={"description": "The job that made it at its end; null: a client asked for it."}
    )
    result = fields.Nested(EvaluationResultSchema, allow_none=True, metadata={"description": "Null before success."})

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job = view.job
        maker = training_job_url(str(job.made_by)) if view.maker_exists else None
        return present_job(view) | {
            "split": job.request["split"],
            "training_job": job.made_by,
            "result": job.result,
            "links": {"self": evaluation_url(job.id), **link_resources(view), "training_job": maker},
        }
