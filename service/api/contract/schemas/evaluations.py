"""Evaluations as they are posted and shown."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import SPLITS
from models.jobs.evaluation import EvaluationRequest
from service.api.contract.fields import Choice, Metadata, Reference, Whole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.jobs import VersionJobSchema, link_resources, present_job
from service.api.contract.schemas.shown import CLASS, Count, Identifier, Inner, Listing, Mapping, Number, OneOf, Value
from service.api.http.links import evaluation_url, training_job_url
from service.operations.jobs.client_jobs import JobView


class CreateEvaluationSchema(Schema):
    """An evaluation to make."""

    model = Reference(required=True, metadata={"description": "The model's name."})
    version = Whole(1, load_default=None, allow_none=True, metadata={"description": "Null: the latest."})
    label = Reference(load_default=None, allow_none=True, metadata={"description": "Instead of a version."})
    dataset = Reference(
        required=True,
        metadata={"description": "Its name. It needs the version's inputs, and no classes but the version's."},
    )
    split = Choice(*SPLITS, load_default="test", metadata={"description": "Whose rows are taken."})
    metadata = Metadata()


MOST_CLASSES = 10_000
MOST_IN_MATRIX = 256


class ClassFiguresSchema(AnswerSchema):
    """How well one class is recognised. Null is what can't be told, such as the recall of a class without rows."""

    sometimes = ("confusion_matrix",)

    label = Value("The class.", example="setosa", **CLASS)
    precision = Number("Of the rows predicted as it, those that are.", 0, 1, allow_none=True, example=0.97)
    recall = Number("Of its rows, those predicted as it.", 0, 1, allow_none=True, example=0.97)
    f1 = Number("The harmonic mean of both.", 0, 1, allow_none=True, example=0.97)
    support = Count("Its rows.", example=10)
    confusion_matrix = Listing(
        "Of multilabel tasks: rows without and with the label, by what was predicted.",
        Listing("", Count("Rows.", example=10), 2),
        2,
    )


class EvaluationResultSchema(AnswerSchema):
    """What the version reaches on the split."""

    loss = Number("Of the network as it was trained.", allow_none=True, example=0.12)
    metrics = Mapping(
        "The model's own metrics, as Keras computes them. For classes also `accuracy`, `roc_auc` "
        "(one class against the rest; the mean over classes; null with more than 250,000,000 scores), `log_loss`, "
        "and the means over classes of `precision`, `recall` and `f1`, each class counting the same (`macro_…`) "
        "and by its rows (`weighted_…`); for a regression `mae`, `rmse`, `r2` (the mean where there are several "
        "outputs). A class without a figure is left out of a mean.",
        Number("A metric.", allow_none=True, example=0.97),
    )
    classes = Listing(
        "The classes in order; null for a regression.",
        Value("A class.", **CLASS),
        MOST_CLASSES,
        allow_none=True,
        example=["setosa", "versicolor"],
    )
    confusion_matrix = Listing(
        "Rows are the true classes, columns the predicted ones, both in the order of `classes`. "
        "Null for a regression, for more than 256 classes, and for several labels a row (see `per_class`).",
        Listing("A true class.", Count("Rows.", example=10), MOST_IN_MATRIX),
        MOST_IN_MATRIX,
        allow_none=True,
        example=[[10, 0], [1, 9]],
    )
    per_class = Listing(
        "One for each class, in order; null for a regression.",
        Inner(ClassFiguresSchema, ""),
        MOST_CLASSES,
        allow_none=True,
    )


class EvaluationSchema(VersionJobSchema):
    """An evaluation of a version on the rows of a split. A step of its progress is a batch of rows."""

    id = Identifier("ev", "Jobs have no name: this is what their URL ends with.")
    split = OneOf("Whose rows are taken.", *SPLITS)
    training_job = Identifier(
        "tj", "The training job that made it at its end; null: a client asked for it.", allow_none=True
    )
    result = Inner(EvaluationResultSchema, "What was found; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job = view.job
        maker = training_job_url(str(job.made_by)) if view.maker_exists else None
        return present_job(view) | {
            "split": EvaluationRequest.from_document(job.request).split,
            "training_job": job.made_by,
            "result": job.result,
            "links": {"self": evaluation_url(job.id), **link_resources(view), "training_job": maker},
        }
