"""Pictures: the parameters of their routes, and the documents that they are drawn from."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate

from service.api.contract.fields import MESSAGES, Choice, QueryWhole, Text
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.models import METRIC_VALUES
from service.api.contract.schemas.shown import Count, Identifier, Inner, Listing, Mapping, Number, OneOf, Words
from service.api.pictures.answers import FORMATS
from service.operations.pictures.curves import LINEAR, LOGARITHMIC, MOST_CHANGES, MOST_JOBS
from service.operations.pictures.curves import MOST_POINTS as DRAWN_EPOCHS
from service.statuses import JOB_STATUSES

LARGEST_SIDE = 2400
LONGEST_DESCRIPTION = 4000


class Pixels(fields.Integer):
    """A side of a picture in a query."""

    def __init__(self, least: int, description: str) -> None:
        message = f"must be an integer between {least} and {LARGEST_SIDE:,}"
        super().__init__(
            load_default=None,
            validate=validate.Range(least, LARGEST_SIDE, error=message),
            error_messages=MESSAGES | {"invalid": message},
            metadata={"format": "int32", "description": description},
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch("[0-9]{1,4}", str(value)):
            raise self.make_error("invalid")
        return int(value)


class PictureQuery(Schema):
    """In which form to draw a picture."""

    width = Pixels(160, "The width in pixels. The default depends on the kind of picture.")
    height = Pixels(120, "The height in pixels. The default depends on the kind of picture.")
    theme = Choice("light", "dark", load_default="light", metadata={"description": "The page's theme: light or dark."})
    format = Choice(
        *FORMATS,
        load_default=None,
        allow_none=False,
        metadata={
            "description": "The format of the response, which overrides `Accept`. `json`: the numbers of the "
            "picture. Default: `svg`."
        },
    )


class PictureSchema(AnswerSchema):
    """The numbers that a picture is drawn from."""

    title = Words("The title of the picture.", 500, example="Training curves")
    description = Words("The picture in a sentence, with its main figures.", LONGEST_DESCRIPTION)


MOST_POINTS = 10_000
MOST_PANELS = 25
JOB_ID = re.compile("tj_[0-9a-f]{24}")


class ActivationCurveSchema(PictureSchema):
    """An activation function and its derivative at some inputs."""

    type = Words("The function's name in Keras.", 100, example="relu")
    formula = Words("The formula, as text.", 200, example="max(x, 0)")
    source = Words("Who introduced it; null: not known.", 200, allow_none=True, example="Nair and Hinton, 2010")
    held = Words("For a function of several numbers: the values of the others. Otherwise null.", 200, allow_none=True)
    x = Listing("The inputs.", Number("An input.", example=0.5), MOST_POINTS)
    y = Listing("The values of the function.", Number("A value.", example=0.5), MOST_POINTS)
    derivative = Listing("The values of its derivative.", Number("A value.", example=1), MOST_POINTS)


class JobIds(fields.Field[list[str]]):
    """The ids of several training jobs in a query, separated by commas."""

    def __init__(self, description: str) -> None:
        shown = {"type": "string", "maxLength": 28 * MOST_JOBS, "pattern": f"^{JOB_ID.pattern}(,{JOB_ID.pattern})*$"}
        super().__init__(load_default=list, error_messages=MESSAGES, metadata=shown | {"description": description})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        ids = str(value).split(",")
        if len(ids) >= MOST_JOBS:
            raise ValidationError(f"must have at most {MOST_JOBS - 1} ids: at most {MOST_JOBS} jobs are drawn together")
        for job_id in ids:
            if not JOB_ID.fullmatch(job_id):
                raise ValidationError(f'must be ids of training jobs, separated by commas; "{job_id[:64]}" is none')
        return ids


class CurvesQuery(PictureQuery):
    """Which curves to draw."""

    jobs = JobIds(
        f"Further training jobs to draw together with this one, such as `tj_1,tj_2`; at most {MOST_JOBS - 1}."
    )
    points = QueryWhole(
        2,
        cap=DRAWN_EPOCHS,
        load_default=500,
        metadata={
            "description": f"The most epochs to draw of each job: evenly spaced ones and the best. Values above "
            f"{DRAWN_EPOCHS:,} count as {DRAWN_EPOCHS:,}. With several jobs, each may have fewer."
        },
    )
    metric = Text(200, load_default=None, metadata={"description": "Only this metric, such as `loss`. Default: all."})


class LearningRateChangeSchema(AnswerSchema):
    """An epoch that ended with a different learning rate from the one before."""

    epoch = Count("The epoch.", 1, example=12)
    learning_rate = Number("The learning rate from then on.", 0, example=0.0005)


class CurvesJobSchema(AnswerSchema):
    """A job whose curves are drawn."""

    id = Identifier("tj", "The job's id.")
    model = Words("The model's name.", 63, allow_none=True, example="flowers")
    dataset = Words("The dataset's name.", 63, allow_none=True, example="flowers")
    status = OneOf("The job's status.", *JOB_STATUSES)
    finished_epochs = Count("The number of finished epochs in the job's log.", example=40)
    epochs = Count("The number of epochs to train.", 1, example=40)
    best = Mapping("The best epoch so far, with the value that makes it the best.", METRIC_VALUES, allow_none=True)
    learning_rate_changes = Listing(
        "Changes of the learning rate that the drawn epochs show. If there are more than 8, the list is empty and "
        "the learning rate has a panel.",
        Inner(LearningRateChangeSchema, ""),
        MOST_CHANGES,
    )


class CurveSchema(AnswerSchema):
    """A metric of a job by epoch."""

    job = Identifier("tj", "The job's id.")
    split = OneOf("The rows on which it was measured.", "train", "validation")
    epochs = Listing("The epochs, in order.", Count("An epoch.", 1, example=1), DRAWN_EPOCHS)
    values = Listing(
        "The value of each; null: not finite.", Number("A value.", allow_none=True, example=0.21), DRAWN_EPOCHS
    )


class PanelSchema(AnswerSchema):
    """The curves of a metric."""

    metric = Words("The metric's name.", 200, example="loss")
    scale = OneOf("A loss with a wide range has a logarithmic scale.", LINEAR, LOGARITHMIC)
    series = Listing("The curves.", Inner(CurveSchema, ""), 2 * MOST_JOBS)


class CurvesSchema(PictureSchema):
    """The curves of training jobs."""

    jobs = Listing("The jobs.", Inner(CurvesJobSchema, ""), MOST_JOBS)
    panels = Listing(
        "A panel for each metric, the loss first; empty before the first epoch has ended.",
        Inner(PanelSchema, ""),
        MOST_PANELS,
    )
    omitted_epochs = Count("The number of epochs that are not drawn.", example=0)
    omitted_metrics = Count("The number of metrics that are not drawn.", example=0)
