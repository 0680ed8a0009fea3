"""Requests and responses of versions and labels."""

from dataclasses import dataclass
from typing import Any

from marshmallow import pre_dump

from models.jobs.variant import VARIANT_TYPES
from models.training.plan import COMPILED, GRAPH, PRECISIONS
from models.validation.inputs import MOST_INPUTS
from service import statuses
from service.api.contract.fields import Choice, Moment, Whole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.models import (
    IMPORT_NOTES,
    METRIC_VALUES,
    MOST_AXES,
    MOST_NOTES,
    SOURCE,
    ModelInputSchema,
    SourceSchema,
)
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    CLASS,
    DIGEST,
    MOST_ITEMS,
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Links,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Url,
    Value,
    Words,
)
from service.api.contract.schemas.version_statuses import ServingVersionSchema, version_statuses
from service.api.http.links import evaluation_url, label_url, model_url, training_job_url, version_url
from service.api.http.paging import ByTime, ByTimeOrName
from service.api.http.problems import describe_failure
from service.operations.catalog.versions import UnfinishedVersion
from service.storage.records import Label, Version

UNMEASURED = dict.fromkeys(("train", "validation", "test"))
"""The metrics of a version that was trained elsewhere."""
FORMATS = ("keras", "onnx", "saved_model", "preprocessing")


@dataclass(frozen=True)
class OfModel:
    """A version or a label, with its model's name."""

    model: str
    record: Any


class ArtifactSchema(AnswerSchema):
    """A file of a version."""

    format = OneOf("The format; `saved_model` is a ZIP, `preprocessing` is JSON.", *FORMATS)
    bytes = Count("The file's size.", example=24342)
    sha256 = Words("The file's SHA-256, which is also its `ETag`.", **DIGEST)
    href = Url("The URL to download the file.", example="/v1/models/flowers/versions/1/artifacts/onnx")


class VersionMetricsSchema(AnswerSchema):
    """The trained network's metrics on each split; null for a split without rows."""

    train = Mapping("Loss and metrics by name.", METRIC_VALUES, allow_none=True)
    validation = Mapping("Loss and metrics by name.", METRIC_VALUES, allow_none=True)
    test = Mapping("Loss and metrics by name.", METRIC_VALUES, allow_none=True)


class TrainingModeSchema(AnswerSchema):
    """How the steps of a version's training were computed."""

    precision = OneOf(
        "The precision of the training job. The weights are 32-bit floats in both, and so are the layers that can't "
        "compute in bfloat16.",
        *PRECISIONS,
    )
    bfloat16_layers = Count(
        "How many layers computed in bfloat16: 0 for `float32`, and for `bfloat16` if no layer can compute in it. Null "
        "if an older Fitserve trained it.",
        allow_none=True,
        example=0,
    )
    execution = OneOf("How the network was executed.", GRAPH, COMPILED)


class VersionSchema(AnswerSchema):
    """A trained network. Versions are numbered from 1 within their model and never change."""

    sometimes = ("reason",)

    version = Count("The version's number.", 1, example=1)
    status = OneOf(
        "`available`; `processing` while a file is being imported; `failed` if the import failed.",
        statuses.AVAILABLE,
        statuses.PROCESSING,
        statuses.FAILED,
    )
    error = Inner(FailureSchema, "The error of a failed import, else null.", allow_none=True)
    servable = Truth("Whether the version can serve predictions, because its network was exported to ONNX.")
    reason = Words("Why the version can't serve predictions.", example='The layer "lambda" has no ONNX operator.')
    difference = Number(
        "The largest difference between the outputs of the ONNX network and those of Keras, as a share of the largest "
        "output or of 1, for some rows. Above 0.00001 only if rounding explains it, at most 0.01. Null for a network "
        "from an ONNX file, one that can't be served, or one that an older Fitserve saved.",
        0,
        allow_none=True,
        example=1.2e-7,
    )
    training_job = Identifier(
        "tj", "The job that trained the version; null if it was imported from a file.", allow_none=True
    )
    epoch = Count(
        "The epoch of that job, if the version was made of its snapshot; null if it is the result of the job.",
        1,
        allow_none=True,
        example=None,
    )
    training = Inner(
        TrainingModeSchema,
        "How it was trained; null if it was imported from a file, or trained by an older Fitserve.",
        allow_none=True,
    )
    dataset = Words(
        "The name of the dataset that the version was trained on; null if it was imported from a file.",
        allow_none=True,
        example="flowers",
        **NAMED,
    )
    dataset_version = Count("The number of the dataset's version.", 1, allow_none=True, example=1)
    metrics = Inner(VersionMetricsSchema, "The metrics on each split.")
    baseline = Inner(
        VersionMetricsSchema,
        "The same metrics of a naive guess; null for versions that an older Fitserve saved.",
        allow_none=True,
    )
    classes = Listing(
        "The classes in the order of the scores; null for a regression.",
        Value("A class.", **CLASS),
        allow_none=True,
        example=["setosa", "versicolor", "virginica"],
    )
    source = AsItIs(SourceSchema, SOURCE, allow_none=True)
    notes = Listing(IMPORT_NOTES, Words("A sentence."), MOST_NOTES)
    inputs = Listing("The inputs.", AsItIs(ModelInputSchema, ""), MOST_INPUTS)
    artifacts = Listing("The files.", Inner(ArtifactSchema, ""), len(FORMATS))
    created_at = Moment("The creation time.")
    links = Links(
        "`self`, `model`, `training_job`, `weights`, `variants`, `predictions`, and `evaluation` if there is one."
    )
    model_version_status = Listing(
        "The version's status in TensorFlow Serving's format.", Inner(ServingVersionSchema, ""), 1
    )

    @pre_dump
    def _present(self, found: OfModel, **_: Any) -> dict[str, Any]:
        if isinstance(found.record, UnfinishedVersion):
            return _present_unfinished(found.model, found.record)
        version: Version = found.record
        url = version_url(found.model, version.number)
        details = version.details
        return {
            **{member: getattr(details, member) for member in ("baseline", "classes", "difference", "inputs")},
            "metrics": UNMEASURED | details.metrics,
            **({} if version.servable else {"reason": details.reason}),
            "version": version.number,
            "status": statuses.AVAILABLE,
            "error": None,
            "servable": version.servable,
            "source": version.source,
            "notes": version.notes,
            "training_job": _training_job(version),
            "epoch": version.epoch,
            "training": details.training,
            "dataset": version.dataset_name,
            "dataset_version": version.dataset_version,
            "artifacts": [
                file.to_document() | {"href": f"{url}/artifacts/{file.format}"} for file in details.artifacts
            ],
            "created_at": version.created_at,
            "links": _version_links(found.model, version),
            "model_version_status": version_statuses([version.number]),
        }


class VersionListQuery(ByTime):
    """The parameters of a list of versions."""


class WeightSchema(AnswerSchema):
    """A variable of the network."""

    name = Words("The names of the layer and the variable.", example="dense/kernel")
    shape = Listing("The lengths of the axes.", Count("The length of an axis.", example=2), MOST_AXES, example=[2, 1])
    values = Value("Nested lists of this shape; a number if the shape is empty.", example=[[0.458], [-0.08]])


class NetworkWeightsSchema(AnswerSchema):
    """The trained weights of a network."""

    weights = Listing("The network's variables.", Inner(WeightSchema, ""), MOST_ITEMS)


class LabelTargetSchema(Schema):
    """The new target of a label."""

    version = Whole(1, required=True, metadata={"description": "The number of a version of the model."})
    variant = Choice(
        *VARIANT_TYPES,
        load_default=None,
        allow_none=True,
        metadata={"description": "The type of a ready variant of the version; null: the version itself."},
    )


class LabelListQuery(ByTimeOrName):
    """The parameters of a list of labels."""


class LabelSchema(AnswerSchema):
    """A name that points to a version. You can move it without changing the clients that predict by it."""

    label = Words("The label's name.", example="champion", **NAMED)
    version = Count("The number of the version that it points to.", 1, example=1)
    variant = OneOf(
        "The type of the version's variant that it points to; null: the version itself.",
        *VARIANT_TYPES,
        allow_none=True,
    )
    model_version_status = Listing(
        "The version's status in TensorFlow Serving's format.", Inner(ServingVersionSchema, ""), 1
    )
    links = Links("`self`, `model`, `version` and `predictions`.")

    @pre_dump
    def _present(self, found: OfModel, **_: Any) -> dict[str, Any]:
        label: Label = found.record
        url = label_url(found.model, label.label)
        links = {
            "self": url,
            "model": model_url(found.model),
            "version": version_url(found.model, label.number),
            "predictions": f"{url}/predictions",
        }
        statuses = version_statuses([label.number])
        return {
            "label": label.label,
            "version": label.number,
            "variant": label.variant,
            "model_version_status": statuses,
            "links": links,
        }


def _present_unfinished(model: str, version: UnfinishedVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "status": version.status,
        "error": describe_failure(version.error),
        "servable": False,
        "difference": None,
        "reason": "Its file is being imported." if version.error is None else "Its file couldn't be imported.",
        "source": version.source,
        "notes": [],
        "training_job": None,
        "epoch": None,
        "training": None,
        "dataset": None,
        "dataset_version": None,
        "metrics": UNMEASURED,
        "baseline": None,
        "classes": None,
        "inputs": [],
        "artifacts": [],
        "created_at": version.created_at,
        "links": {"self": version_url(model, version.number), "model": model_url(model)},
        "model_version_status": [],
    }


def _training_job(version: Version) -> str | None:
    """The id of the job that trained the version; None if it was imported from a file."""
    return None if version.source is not None else version.trained_by or version.job_id


def _version_links(model: str, version: Version) -> dict[str, str | None]:
    url, job = version_url(model, version.number), _training_job(version)
    return {
        "self": url,
        "model": model_url(model),
        "training_job": training_job_url(job) if version.job_exists and job is not None else None,
        "weights": f"{url}/weights",
        "variants": f"{url}/variants",
        **({} if version.evaluation_id is None else {"evaluation": evaluation_url(version.evaluation_id)}),
        "predictions": f"{url}/predictions",
    }
