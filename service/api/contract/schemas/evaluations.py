"""Requests and responses of evaluations."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import SPLITS
from models.jobs.evaluation import EvaluationRequest, EvaluationResult
from service.api.contract.fields import Choice, Metadata, Reference
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.jobs import VersionJobSchema, WantedVersionSchema, link_resources, present_job
from service.api.contract.schemas.shown import CLASS, Count, Identifier, Inner, Listing, Mapping, Number, OneOf, Value
from service.api.http.links import evaluation_url, training_job_url
from service.operations.jobs.client_jobs import JobView


class CreateEvaluationSchema(WantedVersionSchema):
    """A new evaluation."""

    dataset = Reference(
        required=True,
        metadata={
            "description": "The dataset's name. It must have the version's inputs and only classes of the version."
        },
    )
    split = Choice(*SPLITS, load_default="test", metadata={"description": "The split to evaluate."})
    metadata = Metadata()


MOST_CLASSES = 10_000
MOST_IN_MATRIX = 256


class ClassFiguresSchema(AnswerSchema):
    """The metrics of a class. Undefined values are null, such as the recall of a class without rows."""

    sometimes = ("confusion_matrix",)

    label = Value("The class.", example="setosa", **CLASS)
    precision = Number(
        "The share of the rows predicted as this class that belong to it.", 0, 1, allow_none=True, example=0.97
    )
    recall = Number("The share of this class's rows that are predicted as it.", 0, 1, allow_none=True, example=0.97)
    f1 = Number("The harmonic mean of precision and recall.", 0, 1, allow_none=True, example=0.97)
    support = Count("The number of rows of this class.", example=10)
    confusion_matrix = Listing(
        "For multilabel tasks: the rows without and with the label, by prediction.",
        Listing("", Count("Rows.", example=10), 2),
        2,
    )


class EvaluationResultSchema(AnswerSchema):
    """The metrics of the version on the split."""

    loss = Number("The network's loss.", allow_none=True, example=0.12)
    metrics = Mapping(
        "The model's metrics, as Keras computes them. For classes also `accuracy`, `roc_auc` "
        "(one class against the rest; the mean over classes; null with more than 250,000,000 scores), `log_loss`, "
        "and the means over classes of `precision`, `recall` and `f1`, unweighted (`macro_…`) and weighted by the rows "
        "of each class (`weighted_…`). For a regression also `mae`, `rmse` and `r2` (the mean of several outputs). The "
        "means omit classes whose value is undefined.",
        Number("A metric.", allow_none=True, example=0.97),
    )
    baseline = Mapping(
        "`loss` and the same metrics of a naive guess; null if the version is one that an older Fitserve saved.",
        Number("A metric.", allow_none=True, example=0.33),
        allow_none=True,
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
        "Null for a regression, for more than 256 classes, and for multilabel tasks (see `per_class`).",
        Listing("A true class.", Count("Rows.", example=10), MOST_IN_MATRIX),
        MOST_IN_MATRIX,
        allow_none=True,
        example=[[10, 0], [1, 9]],
    )
    per_class = Listing(
        "The metrics of each class, in the order of `classes`; null for a regression.",
        Inner(ClassFiguresSchema, ""),
        MOST_CLASSES,
        allow_none=True,
    )


class EvaluationSchema(VersionJobSchema):
    """An evaluation of a version on the rows of a split. A step of the progress is a batch of rows."""

    id = Identifier("ev", "The job's id, which its URL ends with.")
    split = OneOf("The split that is evaluated.", *SPLITS)
    training_job = Identifier(
        "tj", "The training job that created the evaluation; null if a client created it.", allow_none=True
    )
    result = Inner(EvaluationResultSchema, "The metrics; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job = view.job
        maker = training_job_url(str(job.made_by)) if view.maker_exists else None
        return present_job(view) | {
            "split": EvaluationRequest.from_document(job.request).split,
            "training_job": job.made_by,
            "result": None if job.result is None else EvaluationResult.from_document(job.result).to_document(),
            "links": {"self": evaluation_url(job.id), **link_resources(view), "training_job": maker},
        }
