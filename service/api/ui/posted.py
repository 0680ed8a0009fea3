"""Stored models and training jobs as the documents that would create them again."""

from collections.abc import Mapping
from typing import Any

import marshmallow

from models.spec import SINGLE_INPUT, THRESHOLD, Scaling, TargetScaling
from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.models import CreateModelSchema
from service.api.contract.schemas.training_jobs import CreateTrainingJobSchema

Document = dict[str, Any]

UNSCALED = {"scaling": TargetScaling.NONE.value}
RESOLVED = ("dataset_version", "execution", "snapshots")
"""Options of a job whose shown value replaced the default."""


def inputs_of(model: Mapping[str, Any]) -> dict[str, Document]:
    """The inputs of a shown model by name."""
    if model.get("input") is not None:
        return {SINGLE_INPUT: model["input"]}
    return model.get("inputs") or {}


def model_document(model: Mapping[str, Any]) -> Document:
    """A shown model as it would be posted. Its inputs have what was asked for, not what the dataset determined."""
    inputs = model.get("inputs")
    posted = _options(CreateModelSchema(), model)
    if model.get("input") is not None:
        posted["input"] = input_document(model["input"])
    if inputs is not None:
        posted["inputs"] = {name: input_document(one) for name, one in inputs.items()}
    if posted.get("threshold") == THRESHOLD:
        del posted["threshold"]
    # of a dataset's target, the scaling has another default
    if posted.get("target") == UNSCALED and not any(one.get("dataset") for one in inputs_of(model).values()):
        del posted["target"]
    return posted


def input_document(shown: Mapping[str, Any]) -> Document:
    """An input as it would be posted."""
    if shown.get("dataset") is None:
        scaling = shown.get("scaling", Scaling.NONE)
        return {"shape": shown["shape"], **({"scaling": scaling} if scaling != Scaling.NONE else {})}
    if shown.get("text") is not None:
        return {"dataset": shown["dataset"], "text": shown["text"]}
    columns = shown.get("columns") or ()
    missing = {column["name"]: column["missing"] for column in columns if column.get("missing")}
    indicated = [column["name"] for column in columns if column.get("missing_indicator")]
    posted = {"dataset": shown["dataset"], "scaling": shown.get("scaling", Scaling.NONE)}
    return posted | ({"missing": missing} if missing else {}) | ({"missing_indicator": indicated} if indicated else {})


def job_document(job: Mapping[str, Any]) -> Document:
    """A shown training job as it would be posted, with its seed."""
    posted = _options(CreateTrainingJobSchema(), job)
    return {name: value for name, value in posted.items() if name not in RESOLVED}


def _options(schema: Schema, shown: Mapping[str, Any]) -> Document:
    """The fields of a request whose values aren't their defaults."""
    found = {}
    for name, field in schema.load_fields.items():
        default = field.load_default() if callable(field.load_default) else field.load_default
        default = None if default is marshmallow.missing else default
        if name in shown and shown[name] is not None and shown[name] != default:
            found[name] = shown[name]
    return found
