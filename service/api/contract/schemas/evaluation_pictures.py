"""The documents of the pictures of an evaluation."""

from models.datasets import SPLITS
from service.api.contract.fields import LONGEST_NAME
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.evaluations import MOST_IN_MATRIX, ClassFiguresSchema
from service.api.contract.schemas.pictures import PictureSchema
from service.api.contract.schemas.shown import (
    CLASS,
    NAMED,
    Count,
    Identifier,
    Inner,
    Listing,
    Number,
    OneOf,
    Value,
    Words,
)

MOST_PAIRS, MOST_LABELS, MOST_WEAKEST = 10, 12, 20
MOST_CURVES, MOST_POINTS = 20, 200
MOST_OUTPUTS, MOST_ROWS, MOST_BINS = 9, 1000, 10
MOST_NOTES = 10


class Notes(Listing):
    """Sentences about what a picture leaves out."""

    def __init__(self) -> None:
        super().__init__("What was left out or couldn't be drawn, and why.", Words("A sentence."), MOST_NOTES)


class Numbers(Listing):
    """A list of numbers, of which null isn't finite."""

    def __init__(self, description: str, most: int, *, allow_none: bool = False) -> None:
        super().__init__(description, Number("A number.", allow_none=True), most, allow_none=allow_none)


class EvaluationPictureSchema(PictureSchema):
    """What pictures of an evaluation have in common."""

    subtitle = Words(
        "The version and the rows that it was evaluated on.", 1000, example="digits version 2 on the test rows of mnist"
    )
    evaluation = Identifier("ev", "The evaluation.")
    model = Words("The model's name.", LONGEST_NAME, **NAMED | {"example": "digits"})
    version = Count("The version's number.", 1, example=2)
    dataset = Words("The dataset's name.", LONGEST_NAME, **NAMED | {"example": "mnist"})
    split = OneOf("The split that was evaluated.", *SPLITS)
    notes = Notes()


class ConfusedSchema(AnswerSchema):
    """Two classes, of which one was predicted as the other."""

    true = Value("The true class.", example="cat", **CLASS)
    predicted = Value("The predicted class.", example="dog", **CLASS)
    count = Count("The number of rows.", 1, example=12)
    percentage = Number("The share of the true class's rows, in percent.", 0, 100, example=4.8)


class ConfusionSchema(EvaluationPictureSchema):
    """A confusion matrix. Its rows are the true classes, its columns the predicted ones."""

    form = OneOf(
        "What is shown: one `matrix`; a matrix for each of the `labels` of a multilabel task; or, if there are too "
        "many classes for a matrix, the `classes` with the lowest recall.",
        "matrix",
        "labels",
        "classes",
    )
    found = Count("The number of classes.", example=10)
    rows = Count("The number of evaluated rows.", allow_none=True, example=10_000)
    correct = Count(
        "The number of right predictions, or of right decisions for labels; null for `classes`.", allow_none=True
    )
    classes = Listing("The classes in the order of the matrix.", Value("A class.", **CLASS), MOST_IN_MATRIX)
    matrix = Listing(
        "The numbers of rows.",
        Listing("A true class.", Count("Rows.", example=10), MOST_IN_MATRIX),
        MOST_IN_MATRIX,
        allow_none=True,
    )
    percentages = Listing(
        "The same in percent of each row; null for a class without rows.",
        Listing("A true class.", Number("Percent.", 0, 100, allow_none=True), MOST_IN_MATRIX),
        MOST_IN_MATRIX,
        allow_none=True,
    )
    confused = Listing("The classes that were confused most, worst first.", Inner(ConfusedSchema, ""), MOST_PAIRS)
    labels = Listing(
        "For `labels`: those with the most wrong decisions, each with its matrix.",
        Inner(ClassFiguresSchema, ""),
        MOST_LABELS,
    )
    weakest = Listing(
        "For `classes`: those with the lowest recall, lowest first.", Inner(ClassFiguresSchema, ""), MOST_WEAKEST
    )


class ChosenThresholdSchema(AnswerSchema):
    """The rates at the evaluation's threshold."""

    threshold = Number("The threshold.", 0, 1, example=0.5)
    false_positive_rate = Number("The share of the other rows that are predicted as the class.", 0, 1, example=0.04)
    true_positive_rate = Number("The share of the rows of the class that are predicted as it.", 0, 1, example=0.93)


class RocCurveSchema(AnswerSchema):
    """The ROC curve of a class against the rest."""

    label = Value("The class.", example="malignant", **CLASS)
    area = Number("The area under the whole curve (ROC AUC).", 0, 1, example=0.986)
    false_positive_rates = Numbers(
        "The false positive rates of evenly spaced points of the curve, from 0 to 1.", MOST_POINTS
    )
    true_positive_rates = Numbers("The true positive rates of the same points.", MOST_POINTS)
    thresholds = Numbers("The thresholds of the same points; null at the first point.", MOST_POINTS)
    chosen = Inner(ChosenThresholdSchema, "The chosen threshold; null if the highest score decides.", allow_none=True)


class RocSchema(EvaluationPictureSchema):
    """ROC curves."""

    area = Number("The `roc_auc` of the evaluation.", 0, 1, allow_none=True, example=0.986)
    threshold = Number("The `threshold` of the evaluation.", 0, 1, allow_none=True, example=0.5)
    curves = Listing("The curves with the smallest areas.", Inner(RocCurveSchema, ""), MOST_CURVES)
    found = Count("The total number of curves.", example=1)


class OutputResidualsSchema(AnswerSchema):
    """The true and the predicted values of one output. The distribution covers the drawn rows."""

    name = Words("The name of the output.", example="progression")
    true = Numbers("The true values of the drawn rows.", MOST_ROWS)
    predicted = Numbers("The predicted values.", MOST_ROWS)
    residuals = Numbers("The true values minus the predicted ones.", MOST_ROWS)
    mean = Number("The mean residual.", allow_none=True, example=1.2)
    std = Number("The standard deviation of the residuals.", allow_none=True, example=48.1)
    edges = Numbers("The edges of the bins of a histogram of the residuals.", MOST_BINS + 1)
    counts = Listing("The number of rows in each bin.", Count("Rows."), MOST_BINS)


class ResidualsSchema(EvaluationPictureSchema):
    """Predicted against true values of a regression."""

    mae = Number("The mean absolute error of all rows.", allow_none=True, example=43.2)
    rmse = Number("The root mean squared error of all rows.", allow_none=True, example=52.4)
    r2 = Number("The coefficient of determination of all rows.", allow_none=True, example=0.47)
    unit = Words("The unit of the values.", 100, allow_none=True)
    rows = Listing("The indices of the drawn rows in the split.", Count("An index."), MOST_ROWS)
    total = Count("The number of evaluated rows; null if it isn't known.", allow_none=True, example=88)
    outputs = Listing("The outputs.", Inner(OutputResidualsSchema, ""), MOST_OUTPUTS)
    found = Count("The total number of outputs.", example=1)
