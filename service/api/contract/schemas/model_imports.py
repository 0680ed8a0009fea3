"""Requests that import networks from files."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from models.errors import Fault
from models.spec import Scaling, Task
from models.validation.inputs import MOST_DIMENSIONS
from service.api.contract.fields import (
    LARGEST_INTEGER,
    Anything,
    Choice,
    Items,
    Metadata,
    Name,
    Part,
    Text,
    UploadedFile,
    Whole,
)
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.models import LONGEST_DESCRIPTION, TASKS
from service.api.contract.schemas.shown import CLASS, LARGEST_COUNT

MOST_CLASSES = 100_000
LONGEST_CLASS = 256
FILE = (
    "A `.keras` file (Keras 3), a `.h5` file (Keras 2) or an `.onnx` file. The content determines the format, and "
    "must match the file's name. The network is read from its configuration: the file can't run code."
)
CLASSES = (
    'A JSON list of the classes in the order of the network\'s outputs, such as `["cat", "dog"]`; for a binary '
    "task, the negative one first. Default: their numbers from 0."
)


class ImportInputSchema(Schema):
    """Properties of the network's input that the file doesn't contain."""

    shape = Items(
        Whole(1, LARGEST_INTEGER, metadata={"description": "The length of an axis."}),
        metadata={
            "description": "The shape of a row, without the batch, if the file leaves a length open.",
            "minItems": 1,
            "maxItems": MOST_DIMENSIONS,
            "example": [28, 28],
        },
    )
    scaling = Choice(
        Scaling.NONE.value,
        Scaling.UNIT.value,
        metadata={
            "description": "The scaling of raw numbers before they reach the network: `none` (the default), or "
            "`unit` (divides by 255, for images)."
        },
    )

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if "shape" in data and not 1 <= len(data["shape"]) <= MOST_DIMENSIONS:
            raise ValidationError(f"must be a list of 1 to {MOST_DIMENSIONS} integers", "shape")


class ClassList(Items):
    """The classes of a network's outputs: texts, integers or booleans, each of them once."""

    def __init__(self, *, metadata: dict[str, Any]) -> None:
        item = Anything(allow_none=True, metadata=CLASS)
        super().__init__(item, most=MOST_CLASSES, metadata={"minItems": 1} | metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        classes: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        problem = _find_problem(classes)
        if problem is not None:
            raise ValidationError(problem)
        return classes


def _find_problem(classes: list[Any]) -> str | None:
    """Why these can't be classes, as a predicate."""
    if not classes:
        return "must name at least one class"
    for number, class_ in enumerate(classes):
        if not isinstance(class_, str | int):
            return f"must contain strings, integers or booleans, but item {number} is {_name_type(class_)}"
        if type(class_) is not type(classes[0]):
            return f"can't mix strings, integers and booleans, but item {number} is {_name_type(class_)}"
        if isinstance(class_, str) and (not class_ or len(class_) > LONGEST_CLASS or "\0" in class_):
            return f"must contain strings of 1 to {LONGEST_CLASS} characters without U+0000, unlike item {number}"
        if isinstance(class_, int) and abs(class_) > LARGEST_COUNT:
            return f"must contain integers of at most {LARGEST_COUNT:,}, unlike item {number}"
    seen: set[Any] = set()
    for number, class_ in enumerate(classes):
        if class_ in seen:
            return f'has the class "{class_}" twice; item {number} repeats it'
        seen.add(class_)
    return None


def _name_type(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a number with a fraction", list: "a list"}
    return "null" if value is None else names.get(type(value), "an object")


class ImportVersionSchema(Schema):
    """A new version from a file. Omitted fields are those of the model."""

    file = UploadedFile(required=True, metadata={"description": FILE})
    name = Name(metadata={"description": "The model's name, as in the path. It can be omitted."})
    task = Choice(*TASKS, metadata={"description": "What the model predicts. It must be the model's task."})
    classes = ClassList(metadata={"description": CLASSES, "example": ["setosa", "versicolor", "virginica"]})
    input = Part(
        ImportInputSchema, metadata={"description": "Properties of the network's input that the file doesn't contain."}
    )

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        for name, detail in _find_conflicts(data):
            raise ValidationError(detail, name)

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        return [Fault(f'"{name}" {detail}.', f"#/{name}") for name, detail in _find_conflicts(members)]


class ImportModelSchema(ImportVersionSchema):
    """A new model from a file."""

    name = Name(required=True)
    task = Choice(
        *TASKS,
        metadata={
            "description": "What the model predicts: numbers (`regression`), one of two classes (`binary`), one of "
            "several classes (`multiclass`), or any number of labels (`multilabel`). Default: what the file's loss or "
            "last activation says; the model's `notes` say what was inferred."
        },
    )
    description = Text(
        LONGEST_DESCRIPTION, load_default="", metadata={"description": "Free text. You can change it later."}
    )
    metadata = Metadata()


def _find_conflicts(members: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields that don't fit the others, each with a predicate."""
    task, classes = members.get("task"), members.get("classes")
    if classes is None:
        return []
    if task == Task.REGRESSION:
        return [("classes", "is for tasks with classes: omit it for a regression")]
    if task == Task.BINARY and len(classes) != 2:
        return [("classes", f"must name the 2 classes of a binary task, and names {len(classes):,}")]
    if len(classes) < 2 and task != Task.MULTILABEL:
        return [("classes", 'must be a JSON list of at least 2 classes, such as ["cat", "dog"]')]
    return []
