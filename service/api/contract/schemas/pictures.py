"""Pictures: the parameters of their routes, and the documents that they are drawn from."""

import re
from typing import Any

from marshmallow import fields, validate

from service.api.contract.fields import MESSAGES, Choice
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import Listing, Number, Words
from service.api.pictures.answers import FORMATS

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

    width = Pixels(160, "The width in pixels. Default: that of the kind of picture.")
    height = Pixels(120, "The height in pixels. Default: that of the kind of picture.")
    theme = Choice("light", "dark", load_default="light", metadata={"description": "For a light or a dark page."})
    format = Choice(
        *FORMATS,
        load_default=None,
        metadata={"description": "What to send; it overrides `Accept`. `json`: the numbers. Default: `svg`."},
    )


class PictureSchema(AnswerSchema):
    """The numbers that a picture is drawn from."""

    title = Words("The title of the picture.", 500, example="Training curves")
    description = Words("The picture in a sentence, with its main figures.", LONGEST_DESCRIPTION)


MOST_POINTS = 10_000


class ActivationCurveSchema(PictureSchema):
    """An activation function and its derivative at some inputs."""

    type = Words("The function's name in Keras.", 100, example="relu")
    formula = Words("The formula, as text.", 200, example="max(x, 0)")
    source = Words("Who introduced it; null: not known.", 200, allow_none=True, example="Nair and Hinton, 2010")
    held = Words("For a function of several numbers: what the others are. Otherwise null.", 200, allow_none=True)
    x = Listing("The inputs.", Number("An input.", example=0.5), MOST_POINTS)
    y = Listing("The values of the function.", Number("A value.", example=0.5), MOST_POINTS)
    derivative = Listing("The values of its derivative.", Number("A value.", example=1), MOST_POINTS)
