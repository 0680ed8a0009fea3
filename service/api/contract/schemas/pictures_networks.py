"""The documents of the pictures of networks: architectures, boundaries, samples and filters; and their queries."""

import re
from typing import Any

from marshmallow import ValidationError, fields

from models.datasets import SPLITS
from models.jobs.training import BEST, LATEST
from models.spec import Task
from service.api.contract.fields import Choice, QueryFlag, QueryWhole, Reference
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.pictures import PictureQuery, PictureSchema
from service.api.contract.schemas.shown import (
    ANY_TEXT,
    CLASS,
    NAMED,
    Count,
    Identifier,
    Inner,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Value,
    Words,
)
from service.operations.pictures import architecture, boundary, filters, instances, plotted_rows, samples

TASKS = tuple(task.value for task in Task)
LONGEST_CELL = 100_000
NUMBER: dict[str, Any] = {"type": ["number", "null"], "format": "double"}
CELL: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "format": "double"},
        {"type": "string", "maxLength": LONGEST_CELL, "pattern": ANY_TEXT},
        {"type": "null"},
    ],
}
PREDICTED: dict[str, Any] = {
    "anyOf": [
        *CLASS["anyOf"],
        {"type": "number", "format": "double"},
        {"type": "array", "maxItems": 10_000, "items": {}},
        {"type": "null"},
    ],
}
"""A class, a number, or a list of either."""


class Unchanged(Listing):
    """A list that is sent as it is: its items are only documented."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> Any:
        return value


EPOCH = re.compile(rf"[1-9][0-9]{{0,8}}|{LATEST}|{BEST}")


class QueryEpoch(fields.Raw):
    """The number of an epoch, or the name of a snapshot, in a query."""

    def __init__(self, **options: Any) -> None:
        shown = {"type": "string", "pattern": f"^({EPOCH.pattern})$", "maxLength": 9}
        super().__init__(metadata=shown | options.pop("metadata"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int | str:
        if not EPOCH.fullmatch(str(value)):
            raise ValidationError("must be the number of an epoch, `latest` or `best`")
        return int(value) if value.isdecimal() else str(value)


NOTES = Listing("What the picture leaves out, and why.", Words("A sentence."), 20)


class ArchitectureQuery(PictureQuery):
    """How an architecture is drawn."""

    style = Choice(
        architecture.LAYERS,
        architecture.NEURONS,
        load_default=None,
        allow_none=False,
        metadata={
            "description": "`layers` draws boxes, `neurons` the neurons of dense layers. Default: neurons, if the "
            f"network is dense and has at most {architecture.MOST_NEURONS} units in each of at most "
            f"{architecture.MOST_DENSE} layers."
        },
    )


class DrawnInputSchema(AnswerSchema):
    """An input of a network."""

    name = Words("Its name.", 128)
    shape = Listing("The shape of a row.", Count("A length."), 16)
    detail = Words("What a row is, such as the number of columns of a table.", 200, allow_none=True)


class DrawnLayerSchema(AnswerSchema):
    """A layer of a network."""

    name = Words("Its name.", 200, example="conv2d")
    type = Words("Its type.", 200, example="Conv2D")
    detail = Words("Its main parameters.", 500, example="32 filters, 3 × 3, relu")
    output_shape = Listing(
        "The shape of a row of its output; null for a length that varies.", Count("", allow_none=True), 16
    )
    parameters = Count("The number of its weights.", example=896)
    trainable = Truth("Whether a training changes its weights.")
    inputs = Listing("The layers and inputs that it takes.", Words("A name.", 200), 1000)


class BlockSchema(AnswerSchema):
    """Layers that a network repeats."""

    layers = Listing("The names of the layers, which are drawn once.", Words("A name.", 200), 24)
    times = Count("How many times the layers occur in a row.", 2)


class NeuronsSchema(AnswerSchema):
    """A layer that is drawn neuron by neuron."""

    name = Words("The name of the layer or of the input.", 200)
    neurons = Count("The number of its neurons.", 1)
    drawn = Count("The number of neurons that are drawn.", 1)
    detail = Words("Its activation.", 200)
    parameters = Count("The number of its weights.")


class ArchitectureSchema(PictureSchema):
    """The layers of a model's network."""

    model = Words("The model's name.", **NAMED)
    style = OneOf("How the network is drawn.", architecture.LAYERS, architecture.NEURONS)
    style_reason = Words("Why it is drawn like this.", 500)
    inputs = Listing("The inputs.", Inner(DrawnInputSchema, ""), 1000)
    parameters = Count("The total number of weights.")
    trainable_parameters = Count("The number of weights that a training changes.")
    layer_count = Count("The number of layers.")
    layers = Listing(
        "The layers to draw, in order; empty for `neurons`.", Inner(DrawnLayerSchema, ""), architecture.MOST_DRAWN
    )
    blocks = Listing(
        "The blocks of layers that are repeated, and drawn once.", Inner(BlockSchema, ""), architecture.MOST_DRAWN
    )
    columns = Listing("The columns of neurons to draw; empty for `layers`.", Inner(NeuronsSchema, ""), 32)
    notes = NOTES


class BoundaryQuery(PictureQuery):
    """How a boundary is computed."""

    resolution = QueryWhole(
        boundary.LEAST_RESOLUTION,
        cap=boundary.MOST_RESOLUTION,
        load_default=boundary.Options.resolution,
        metadata={
            "description": f"The number of points along each axis; values above {boundary.MOST_RESOLUTION} count "
            f"as {boundary.MOST_RESOLUTION}."
        },
    )
    rows = QueryFlag(load_default=True, metadata={"description": "Whether to show the dataset's rows."})


class SnapshotBoundaryQuery(BoundaryQuery):
    """Which boundary of a training is wanted."""

    epoch = QueryEpoch(
        load_default=LATEST,
        metadata={"description": "The epoch; `latest` and `best` stand for the last and the best one."},
    )


class AxisSchema(AnswerSchema):
    """A number that the network takes."""

    name = Words("Its name.", 256, example="x1")
    minimum = Number("The lowest value.", example=-1.2)
    maximum = Number("The highest value.", example=1.2)


class PlottedRowsSchema(AnswerSchema):
    """Rows of the dataset, as lists of the same length."""

    inputs = Unchanged("The numbers of each row.", Unchanged("", Number(""), 2), plotted_rows.MOST_ROWS)
    targets = Unchanged(
        "The index of each row's class, or its number; null for an unknown class.",
        Value("", **NUMBER),
        plotted_rows.MOST_ROWS,
    )
    splits = Unchanged("The split of each row.", OneOf("", *SPLITS), plotted_rows.MOST_ROWS)
    predictions = Unchanged(
        "For a regression of one number: the prediction for each row.",
        Value("", **NUMBER),
        plotted_rows.MOST_ROWS,
        allow_none=True,
    )
    total = Count("The number of rows of the dataset.")


class BoundarySchema(PictureSchema):
    """The predictions of a network that takes one or two numbers, across their range."""

    model = Words("The model's name.", **NAMED)
    version = Count("The version.", 1, allow_none=True)
    training_job = Identifier("tj", "The training job of a snapshot.", allow_none=True)
    epoch = Count("The epoch of a snapshot; null before the first one has ended.", 1, allow_none=True)
    task = OneOf("The model's task; null before the first epoch has ended.", *TASKS, allow_none=True)
    classes = Listing("The classes; null for a regression.", Value("A class.", **CLASS), 10_000, allow_none=True)
    threshold = Number(
        "For a binary task: the probability from which the second class is predicted.", 0, 1, allow_none=True
    )
    axes = Listing("The numbers that the network takes.", Inner(AxisSchema, ""), 2)
    values = Unchanged(
        "Predictions at evenly spaced points, ends included. For two numbers: a list for each point of the second "
        "axis, from its minimum, with the numbers along the first. For one number: a list for each curve. They are "
        "values of a regression, probabilities of the second class of a binary task, and otherwise those of the most "
        "probable class, or of each curve's class. Null before the first epoch has ended.",
        Unchanged("", Value("", **NUMBER), boundary.MOST_RESOLUTION),
        boundary.MOST_RESOLUTION,
        allow_none=True,
    )
    predicted = Unchanged(
        "For several classes and two numbers: the index of the most probable class at each point.",
        Unchanged("", Count(""), boundary.MOST_RESOLUTION),
        boundary.MOST_RESOLUTION,
        allow_none=True,
    )
    curves = Listing(
        "For several classes and one number: the index of the class of each curve.",
        Count(""),
        boundary.MOST_CURVES,
        allow_none=True,
    )
    rows = Inner(
        PlottedRowsSchema, "The dataset's rows; null if the dataset was deleted, or with `rows=false`.", allow_none=True
    )
    notes = NOTES


class SamplesQuery(PictureQuery):
    """Which samples are wanted."""

    split = Choice(
        *SPLITS,
        load_default=None,
        allow_none=False,
        metadata={"description": "The split. Default: `test`, or if it is empty `validation`, or else `train`."},
    )
    count = QueryWhole(
        1,
        cap=samples.MOST_SAMPLES,
        load_default=samples.Options.count,
        metadata={
            "description": f"The number of rows; values above {samples.MOST_SAMPLES} count as {samples.MOST_SAMPLES}."
        },
    )
    page = QueryWhole(
        1, load_default=1, metadata={"description": "The number of the page, from 1; a page has `count` rows."}
    )
    seed = QueryWhole(0, load_default=0, metadata={"description": "The seed of the random order of the rows."})
    wrong = QueryFlag(load_default=False, metadata={"description": "Only rows whose prediction is wrong."})
    dataset = Reference(
        load_default=None,
        metadata={"description": "A dataset that fits the version. Default: the one it was trained on."},
    )


class CellSchema(AnswerSchema):
    """A value of a row."""

    name = Words("The name of the column or number.", 256)
    value = Value("A number, a text, or null where it is missing.", **CELL)


class LineSchema(AnswerSchema):
    """A feature of a series."""

    name = Words("Its name.", 256)
    values = Unchanged("Its values in order.", Value("", **NUMBER), instances.MOST_STEPS)


class SampleSchema(AnswerSchema):
    """A row with its prediction."""

    sometimes = ("picture", "series", "text", "values")

    row = Count("The index of the row in the dataset.")
    target = Value("The true class, the labels, or the number.", **PREDICTED)
    predicted = Value("The predicted class, the labels, or the number.", **PREDICTED)
    score = Number("The probability of the predicted class; null for other tasks.", 0, 1, allow_none=True)
    correct = Value("Whether the prediction is right; null for a regression.", type=["boolean", "null"])
    picture = Mapping("An image: `b64` is a PNG in Base64.", Words("", 1_000_000))
    series = Listing("The features of a series.", Inner(LineSchema, ""), instances.MOST_FEATURES)
    text = Words("The beginning of a text.", instances.MOST_CHARACTERS)
    values = Listing("The main values of a row.", Inner(CellSchema, ""), instances.MOST_VALUES)


class SamplesSchema(PictureSchema):
    """Rows of a dataset with a version's predictions."""

    model = Words("The model's name.", **NAMED)
    version = Count("The version.", 1)
    dataset = Words("The dataset's name.", **NAMED)
    split = OneOf("The split.", *SPLITS)
    rows = Count("The number of rows of the split.")
    task = OneOf("The model's task.", *TASKS)
    target = Words("The name of the target.", 256)
    kind = OneOf("How the rows are shown.", *samples.KINDS)
    items = Listing("The rows.", Inner(SampleSchema, ""), samples.MOST_SAMPLES)
    notes = NOTES


class TileSchema(AnswerSchema):
    """A filter."""

    name = Words("Its name.", 200, example="filter 1")
    values = Unchanged(
        "Its weights: rows of numbers, or of three numbers for colours.",
        Unchanged("", Value("A number, or three."), filters.MOST_SIDE),
        filters.MOST_SIDE,
    )


class MatrixSchema(AnswerSchema):
    """The weights between inputs and units."""

    rows = Listing("The names of the inputs.", Words("A name.", 600), filters.MOST_ROWS)
    columns = Listing("The names of the units.", Words("A name.", 200), filters.MOST_COLUMNS)
    values = Unchanged(
        "The weights, a list for each input.",
        Unchanged("", Value("", **NUMBER), filters.MOST_COLUMNS),
        filters.MOST_ROWS,
    )


class FiltersSchema(PictureSchema):
    """The weights of a network's first layer that has any."""

    model = Words("The model's name.", **NAMED)
    version = Count("The version.", 1)
    kind = OneOf("How the weights are shown.", *filters.KINDS)
    layer = Words("The layer's name.", 200, allow_none=True)
    layer_type = Words("The layer's type; empty if it isn't known.", 200, allow_none=True)
    shape = Listing("The shape of its weights.", Count("A length."), 16, allow_none=True)
    colours = Truth("Whether the tiles have red, green and blue.")
    tiles = Listing("For `tiles`: the filters.", Inner(TileSchema, ""), filters.MOST_TILES)
    matrix = Inner(MatrixSchema, "For `bars` and `matrix`: the weights.", allow_none=True)
    largest = Number("The largest absolute value of the weights that are shown.", 0, allow_none=True)
    notes = NOTES
