"""The parameters and the document of the preview of a dataset."""

from models.datasets import SPLITS
from models.previews import LARGEST_COUNT
from service.api.contract.fields import LONGEST_NAME, Choice, QueryWhole
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.dataset_data import KINDS
from service.api.contract.schemas.evaluation_pictures import Notes, Numbers
from service.api.contract.schemas.pictures import PictureQuery, PictureSchema
from service.api.contract.schemas.shown import CLASS, NAMED, Count, Inner, Listing, Number, OneOf, Value, Words

FORMS = ("pictures", "sequences", "points", "histograms")
MOST_CATEGORIES, MOST_CLASSES, MOST_COLORS = 12, 24, 8
MOST_POINTS, MOST_STEPS, MOST_FEATURES, MOST_BINS = 1000, 100, 4, 10


class PreviewQuery(PictureQuery):
    """What to show of a dataset, and in which form to draw it."""

    split = Choice(
        *SPLITS,
        load_default=None,
        allow_none=False,
        metadata={
            "description": "The split to show. Default: for the columns of a table all splits, otherwise `train`, or "
            "the first split that has rows."
        },
    )
    count = QueryWhole(
        1,
        cap=LARGEST_COUNT,
        load_default=None,
        metadata={
            "description": "The most images, sequences or columns to show. Default: 24 images, 9 sequences, 12 columns."
        },
    )
    version = QueryWhole(
        1,
        load_default=None,
        metadata={"description": "The number of the dataset's version. Default: the newest that is ready."},
    )


class PreviewClassSchema(AnswerSchema):
    """A class of the target."""

    label = Value("The class.", example="setosa", **CLASS)
    count = Count("The number of rows.", example=50)


class PreviewTargetSchema(AnswerSchema):
    """The target: its classes, or the distribution of its numbers."""

    name = Words("The target's name.", example="species")
    type = OneOf("One class per row, several labels per row, or numbers.", "category", "labels", "number")
    unit = Words("The unit of numbers.", 100, allow_none=True)
    classes = Listing(
        "The classes with the most rows, in their order; null for numbers.",
        Inner(PreviewClassSchema, ""),
        MOST_CLASSES,
        allow_none=True,
    )
    found = Count("The total number of classes.", example=3)
    edges = Numbers(
        "The edges of the bins of a histogram of numbers; null for classes.", MOST_BINS + 1, allow_none=True
    )
    counts = Listing("The number of rows in each bin; null for classes.", Count("Rows."), MOST_BINS, allow_none=True)


class PreviewPictureSchema(AnswerSchema):
    """A picture of the dataset."""

    row = Count("The row's index in the dataset, from 0.", example=17)
    target = Value("The row's class, labels (as text) or number; null for several numbers.", example="cat")
    png = Words("The picture as PNG, in Base64.", 200_000)


class PreviewPicturesSchema(AnswerSchema):
    """Evenly spaced pictures of the dataset."""

    items = Listing("The pictures.", Inner(PreviewPictureSchema, ""), LARGEST_COUNT)
    height = Count("The height of the dataset's pictures.", 1, example=28)
    width = Count("The width of the dataset's pictures.", 1, example=28)
    channels = Count("The number of channels of the dataset's pictures.", 1, example=1)


class PreviewSequenceSchema(AnswerSchema):
    """A sequence of the dataset."""

    row = Count("The row's index in the dataset, from 0.", example=17)
    target = Value("The row's class, labels (as text) or number; null for several numbers.", example=3.5)
    values = Listing("A list of numbers for each feature.", Numbers("The steps.", MOST_STEPS), MOST_FEATURES)


class PreviewSequencesSchema(AnswerSchema):
    """Evenly spaced sequences of the dataset."""

    items = Listing("The sequences.", Inner(PreviewSequenceSchema, ""), LARGEST_COUNT)
    features = Listing("The names of the features that are shown.", Words("A name."), MOST_FEATURES)
    steps = Listing("The steps that are shown, from 0.", Count("A step."), MOST_STEPS)


class PreviewPointsSchema(AnswerSchema):
    """Rows with one or two numeric inputs, as points."""

    x = Numbers("The first input.", MOST_POINTS)
    y = Numbers("The second input; null if there is only one.", MOST_POINTS, allow_none=True)
    target = Numbers("The targets: numbers, or indices of `classes`; -1 stands for any other class.", MOST_POINTS)
    names = Listing("The names of `x`, `y` and `target`.", Words("A name.", allow_none=True), 3)
    units = Listing("The units of `x`, `y` and `target`.", Words("A unit.", 100, allow_none=True), 3)
    classes = Listing(
        "The classes with the most points; null for numbers.",
        Value("A class.", **CLASS),
        MOST_COLORS,
        allow_none=True,
    )
    left_out = Count("The number of other classes.", example=0)


class PreviewColumnSchema(AnswerSchema):
    """The distribution of a column."""

    name = Words("The column's name.", example="sepal_length")
    type = OneOf("The type of the values.", "number", "boolean", "date", "category", "text")
    unit = Words("The unit of numbers.", 100, allow_none=True)
    missing = Count("The number of rows without a value.", example=0)
    mean = Number("The mean of numbers; of texts, the mean number of words.", allow_none=True, example=5.84)
    std = Number("The standard deviation of numbers.", allow_none=True, example=0.83)
    edges = Listing(
        "The edges of the bins: numbers, or dates in ISO 8601. Null for categories and texts.",
        Value("A number or a date."),
        MOST_BINS + 1,
        allow_none=True,
    )
    counts = Listing("The number of rows in each bin, or of each category.", Count("Rows."), MOST_CATEGORIES)
    categories = Listing(
        "The categories with the most rows, most frequent first; null for other types.",
        Value("A category.", **CLASS),
        MOST_CATEGORIES,
        allow_none=True,
    )
    found = Count("The total number of categories.", example=0)


class PreviewSchema(PictureSchema):
    """An overview of a dataset."""

    subtitle = Words("A summary of the dataset.", 1000, example='90 rows in train · target "species": 3 classes')
    dataset = Words("The dataset's name.", LONGEST_NAME, **NAMED | {"example": "flowers"})
    dataset_version = Count("The number of the dataset's version.", 1, example=1)
    kind = OneOf("The kind of the rows.", *KINDS)
    form = OneOf("What the picture shows. The field of this name has the content; the others are null.", *FORMS)
    split = OneOf("The split that is shown; null for all.", *SPLITS, allow_none=True)
    rows = Count("The number of rows of this split, or of all.", example=150)
    target = Inner(PreviewTargetSchema, "The target.")
    notes = Notes()
    pictures = Inner(PreviewPicturesSchema, "Pictures.", allow_none=True)
    sequences = Inner(PreviewSequencesSchema, "Sequences.", allow_none=True)
    points = Inner(PreviewPointsSchema, "Points.", allow_none=True)
    histograms = Listing("The columns.", Inner(PreviewColumnSchema, ""), LARGEST_COUNT, allow_none=True)
