"""Versions and labels as they are posted and shown."""

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, pre_dump

from service.api.fields import Moment, Whole
from service.api.links import evaluation_url, label_url, model_url, training_job_url, version_url
from service.api.paging import ByTime, ByTimeOrName
from service.api.schemas.base import Schema
from service.api.schemas.version_statuses import VersionStatusSchema, version_statuses
from service.storage.records import Label, Version


@dataclass(frozen=True)
class OfModel:
    """A version or label with the name of its model."""

    model: str
    record: Any


class ArtifactSchema(Schema):
    """A file of a version."""

    format = fields.String()
    bytes = fields.Integer()
    sha256 = fields.String()
    href = fields.String()


class VersionMetricsSchema(Schema):
    """What the trained network reaches on each split; null for a split without rows."""

    train = fields.Dict(allow_none=True)
    validation = fields.Dict(allow_none=True)
    test = fields.Dict(allow_none=True)


class VersionSchema(Schema):
    """A trained network."""

    version = fields.Integer()
    status = fields.String(metadata={"enum": ["available"]})
    servable = fields.Boolean()
    reason = fields.String(allow_none=True, metadata={"description": "Why it can't be served."})
    training_job = fields.String()
    dataset = fields.String()
    metrics = fields.Nested(VersionMetricsSchema)
    classes = fields.List(fields.Raw(), allow_none=True)
    inputs = fields.List(fields.Dict())
    artifacts = fields.List(fields.Nested(ArtifactSchema))
    created_at = Moment()
    links = fields.Dict(fields.String(), fields.String(allow_none=True))
    model_version_status = fields.List(fields.Nested(VersionStatusSchema))

    @pre_dump
    def _present(self, found: OfModel, **_: Any) -> dict[str, Any]:
        version: Version = found.record
        url = version_url(found.model, version.number)
        details = version.details
        return {
            **{member: details[member] for member in ("metrics", "classes", "inputs")},
            **({} if version.servable else {"reason": details["reason"]}),
            "version": version.number,
            "status": "available",
            "servable": version.servable,
            "training_job": version.job_id,
            "dataset": version.dataset_name,
            "artifacts": [
                {**artifact, "href": f"{url}/artifacts/{artifact['format']}"} for artifact in details["artifacts"]
            ],
            "created_at": version.created_at,
            "links": _version_links(found.model, version),
            "model_version_status": version_statuses([version.number]),
        }


class VersionListQuery(ByTime):
    """Which versions."""


class WeightSchema(Schema):
    """One of the network's variables."""

    name = fields.String()
    shape = fields.List(fields.Integer())
    values = fields.Raw(metadata={"description": "Nested lists of that shape; a number for the empty shape."})


class WeightsSchema(Schema):
    """The numbers that were learnt."""

    weights = fields.List(fields.Nested(WeightSchema))


class LabelTargetSchema(Schema):
    """What a label is to point to."""

    version = Whole(1, required=True)


class LabelListQuery(ByTimeOrName):
    """Which labels."""


class LabelSchema(Schema):
    """A name for a version."""

    label = fields.String()
    version = fields.Integer()
    model_version_status = fields.List(fields.Nested(VersionStatusSchema))
    links = fields.Dict(fields.String(), fields.String())

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
        return {"label": label.label, "version": label.number, "model_version_status": statuses, "links": links}


def _version_links(model: str, version: Version) -> dict[str, str | None]:
    url = version_url(model, version.number)
    return {
        "self": url,
        "model": model_url(model),
        "training_job": training_job_url(version.job_id) if version.job_exists else None,
        "weights": f"{url}/weights",
        **({} if version.evaluation_id is None else {"evaluation": evaluation_url(version.evaluation_id)}),
        "predictions": f"{url}/predictions",
    }
