"""Requests and responses of evaluations."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import SPLITS
from models.jobs.evaluation import EvaluationRequest, EvaluationResult
from models.preprocessing.unfamiliar import OUT_OF_RANGE
from service.api.contract.fields import Amount, Choice, Metadata, Reference
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.jobs import (
    UsedVariant,
    VersionJobSchema,
    WantedData,
    WantedNetworkSchema,
    link_resources,
    present_job,
)
from service.api.contract.schemas.shown import (
    CLASS,
    Count,
    Identifier,
    Inner,
    Listing,
    Mapping,
    Number,
    OneOf,
    Value,
    Words,
)
from service.api.http.links import evaluation_url, training_job_url
from service.operations.jobs.client_jobs import JobView


class CreateEvaluationSchema(WantedNetworkSchema):
    """A new evaluation."""

    dataset = Reference(
        required=True,
        metadata={
            "description": "The dataset's name. It must have the version's inputs and only classes of the version."
        },
    )
    dataset_version = WantedData()
    split = Choice(*SPLITS, load_default="test", metadata={"description": "The split to evaluate."})
    threshold = Amount(
        0,
        1,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Only for binary and multilabel tasks: the score from which the positive class, or a label, "
            "counts as predicted. Null: the model's `threshold`."
        },
    )
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


class CalibrationBinSchema(AnswerSchema):
    """The decisions whose score is in a bin. Calibrated scores have a `share` close to `mean_score` in every bin."""

    lower = Number("The bin's lower bound: exclusive, except for 0.", 0, 1, example=0.9)
    upper = Number("The bin's upper bound: inclusive.", 0, 1, example=1)
    count = Count("The number of decisions.", example=12)
    mean_score = Number("Their mean score; null without decisions.", 0, 1, allow_none=True, example=0.95)
    share = Number("The share of them that were right; null without decisions.", 0, 1, allow_none=True, example=0.92)


class EvaluationWarningSchema(AnswerSchema):
    """Something that makes the metrics unreliable."""

    type = OneOf("`out_of_range`: a column has a different unit than in the training.", OUT_OF_RANGE)
    detail = Words(
        "An explanation.",
        example='The numbers of "way" are in "km", but the version learned them in "mile". They are used without '
        "conversion.",
    )


class EvaluationResultSchema(AnswerSchema):
    """The metrics of the version on the split."""

    loss = Number("The network's loss.", allow_none=True, example=0.12)
    metrics = Mapping(
        "The model's metrics, as Keras computes them. For classes also `accuracy`, `balanced_accuracy` (the mean "
        "recall), `roc_auc` and `pr_auc` (the average precision; both of one class against the rest, as the "
        "mean over classes; null with more than 250,000,000 scores), `log_loss`, `brier` (the mean squared "
        "error of the scores; for more than two classes, the sum over the classes), and the means over classes "
        "of `precision`, `recall` and `f1`, unweighted (`macro_…`) and weighted by the rows of each class "
        "(`weighted_…`). For two classes also `precision`, `recall` and `f1` of the `positive_class`, and "
        "`roc_auc`, `pr_auc` and `brier` are those of that class. With a `threshold` other than 0.5, these "
        "replace Keras's metrics of the same name. For a regression also `mae`, `rmse` and `r2` (the mean of "
        "several outputs). The means omit classes whose value is undefined.",
        Number("A metric.", allow_none=True, example=0.97),
    )
    baseline = Mapping(
        "`loss` and the same metrics of a naive guess; null for a variant, and for a version that an older Fitserve "
        "saved or that was imported.",
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
    positive_class = Value(
        "For two classes: the positive one, to which `precision`, `recall`, `f1`, `roc_auc`, `pr_auc`, `brier` and "
        "`calibration` refer; else null.",
        anyOf=[*CLASS["anyOf"], {"type": "null"}],
        example=None,
    )
    threshold = Number(
        "The score from which classes counted as predicted; null for tasks without a threshold.",
        0,
        1,
        allow_none=True,
        example=None,
    )
    calibration = Listing(
        "Whether scores are probabilities, in ten bins of equal width: for two classes the scores of the positive one, "
        "for more those of the predicted class, for labels all of them. Null for a regression, and if a score isn't "
        "finite.",
        Inner(CalibrationBinSchema, ""),
        10,
        allow_none=True,
    )

    warnings = Listing("The first 100 warnings.", Inner(EvaluationWarningSchema, ""), 100, example=[])

    @pre_dump
    def _complete(self, result: dict[str, Any], **_: Any) -> dict[str, Any]:
        # results of older releases lack the newest fields
        return EvaluationResult.from_document(result).to_document()


class EvaluationSchema(VersionJobSchema):
    """An evaluation of a version on the rows of a split. A step of the progress is a batch of rows."""

    id = Identifier("ev", "The job's id, which its URL ends with.")
    variant = UsedVariant()
    split = OneOf("The split that is evaluated.", *SPLITS)
    threshold = Number(
        "The score from which classes count as predicted; null for tasks without a threshold.",
        0,
        1,
        allow_none=True,
        example=None,
    )
    training_job = Identifier(
        "tj", "The training job that created the evaluation; null if a client created it.", allow_none=True
    )
    result = Inner(EvaluationResultSchema, "The metrics; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job = view.job
        maker = training_job_url(str(job.made_by)) if view.maker_exists else None
        request = EvaluationRequest.from_document(job.request)
        return present_job(view) | {
            "split": request.split,
            "threshold": request.threshold,
            "variant": request.variant,
            "training_job": job.made_by,
            "result": None if job.result is None else EvaluationResult.from_document(job.result).to_document(),
            "links": {"self": evaluation_url(job.id), **link_resources(view), "training_job": maker},
        }
