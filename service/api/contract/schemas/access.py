"""Requests and responses of API keys and projects."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import marshmallow
from marshmallow import pre_dump

from service.api.contract.fields import (
    MESSAGES,
    Choice,
    Items,
    Moment,
    Name,
    Part,
    Reference,
    Whole,
)
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.shown import LARGEST_COUNT, NAMED, Count, Inner, Links, Listing, OneOf, Words
from service.api.http.links import api_key_url, project_url
from service.api.http.paging import ByTime, ByTimeOrName
from service.callers import DEFAULT_PROJECT, Scope
from service.operations.access.keys import CurrentKey
from service.operations.access.projects import ProjectView
from service.storage.records import ApiKey

SCOPES = tuple(scope.value for scope in Scope)
ALLOWS = "`read`, `predict`, `train` (includes both) or `admin` (everything)"
QUEUED_JOBS = "Queued jobs of all kinds, including the builds of models and the imports of data."
RUNNING_JOBS = "Training jobs, evaluations, batch predictions and jobs of variants that run at the same time."
STORED_BYTES = "Bytes of datasets, of the files of versions, of variants, of snapshots and of batch predictions."
TRAINING_SECONDS = "Seconds that training jobs ran in the last 24 hours, except for deleted jobs."
KEY_ID: dict[str, Any] = {"pattern": "^[0-9a-f]{24}$", "example": "0660cff60faa21743c8f48cd"}
KEY_EXAMPLE = "fsk_0660cff60faa21743c8f48cd_5f0a4be2c3d94f7f8c1f6f0e7a2d9b1c3e5f7a9b0c2d4e6f"


class Time(marshmallow.fields.AwareDateTime):
    """A timestamp as RFC 3339, with its offset from UTC."""

    def __init__(self, **options: Any) -> None:
        message = "must be a timestamp with its offset from UTC, such as 2027-01-31T12:34:56Z"
        messages = MESSAGES | {"invalid": message, "invalid_awareness": message, "format": message}
        super().__init__(format="iso", error_messages=messages, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        try:
            return moment.astimezone(UTC)  # SQLite would drop another offset
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class CreateApiKeySchema(Schema):
    """A new API key."""

    name = Name(
        required=True, metadata={"description": "Your name for the key, such as who or what uses it.", "example": "ci"}
    )
    scopes = Items(
        Choice(*SCOPES),
        most=len(SCOPES),
        required=True,
        metadata={"description": f"What the key allows: {ALLOWS}.", "minItems": 1, "example": ["train"]},
    )
    project = Reference(
        load_default=None,
        allow_none=True,
        metadata={
            "description": f"The project whose resources the key can use. Null: `{DEFAULT_PROJECT}`. A key with the "
            "scope `admin` has none: its requests name a project in `Fitserve-Project`.",
            "example": None,
        },
    )
    expires_at = Time(
        load_default=None,
        allow_none=True,
        metadata={"description": "When the key expires. Null: never.", "maxLength": 40, "example": None},
    )

    @marshmallow.validates("scopes")
    def _check_scopes(self, scopes: list[str], **_: Any) -> None:
        if not scopes:
            raise marshmallow.ValidationError(f"must have at least one of {', '.join(SCOPES)}")


def present_key(key: ApiKey) -> dict[str, Any]:
    """A key as responses show it."""
    shown = ("id", "name", "project", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    return {name: getattr(key, name) for name in shown} | {"links": {"self": api_key_url(key.id)}}


class ApiKeySchema(AnswerSchema):
    """An API key, without its secret."""

    id = Words("The key's id, which is part of the key and isn't secret.", 24, **KEY_ID)
    name = Words("The key's name.", 128, example="ci", **NAMED)
    project = Words("The key's project; null for a key with the scope `admin`.", 128, allow_none=True, example="vision")
    scopes = Listing("What the key allows.", OneOf("", *SCOPES), len(SCOPES), example=["train"])
    created_at = Moment("When the key was created.")
    expires_at = Moment("When the key expires; null: never.", allow_none=True)
    revoked_at = Moment("When the key was revoked; null if it wasn't.", allow_none=True)
    last_used_at = Moment("When the key was last used, to the minute; null if it wasn't.", allow_none=True)
    links = Links("`self` is the key.")

    @pre_dump
    def _present(self, key: ApiKey, **_: Any) -> dict[str, Any]:
        return present_key(key)


class MadeApiKeySchema(ApiKeySchema):
    """A new API key with its secret, which is never shown again."""

    key = Words("The whole key. The service stores only its SHA-256: save it now.", 78, example=KEY_EXAMPLE)

    @pre_dump
    def _present(self, made: tuple[ApiKey, str], **_: Any) -> dict[str, Any]:
        key, text = made
        return present_key(key) | {"key": text}


class CurrentKeySchema(AnswerSchema):
    """Who the caller is."""

    id = Words("The id of the caller's key; null while the service has no keys.", 24, allow_none=True, **KEY_ID)
    name = Words("The key's name; null without a key.", 128, allow_none=True, example="ci", **NAMED)
    project = Words("The project in which the caller acts.", 128, example="vision", **NAMED)
    scopes = Listing("What the caller may do, with included scopes.", OneOf("", *SCOPES), len(SCOPES))
    expires_at = Moment("When the key expires; null: never.", allow_none=True)

    @pre_dump
    def _present(self, found: CurrentKey, **_: Any) -> dict[str, Any]:
        caller, key = found.caller, found.key
        return {
            "id": caller.key_id,
            "name": None if key is None else key.name,
            "project": caller.project,
            "scopes": sorted(caller.scopes),
            "expires_at": None if key is None else key.expires_at,
        }


class ApiKeyListQuery(ByTime):
    """The parameters of a list of keys."""

    project = Reference(metadata={"description": "Only keys of this project."})


def _quota(description: str, maximum: int = LARGEST_COUNT) -> Whole:
    documented = {"description": f"{description} Null: no limit.", "format": "int64", "example": None}
    return Whole(0, maximum, allow_none=True, metadata=documented)


class QuotasSchema(Schema):
    """The most that a project may use. Requests that would exceed a quota get a 429."""

    queued_jobs = _quota(QUEUED_JOBS)
    running_jobs = _quota(f"{RUNNING_JOBS} Further ones stay queued.")
    stored_bytes = _quota(STORED_BYTES)
    training_seconds_per_day = _quota(f"{TRAINING_SECONDS} A job that exceeds it finishes.")


class CreateProjectSchema(Schema):
    """A new project."""

    name = Name(required=True, metadata={"description": "The project's name.", "example": "vision"})
    quotas = Part(QuotasSchema, load_default=dict, metadata={"description": "The most that the project may use."})


class ProjectChangesSchema(Schema):
    """A merge patch of a project."""

    quotas = Part(QuotasSchema, load_default=dict, metadata={"description": "The quotas to change."})


class ShownQuotasSchema(AnswerSchema):
    """The most that a project may use; null: no limit."""

    queued_jobs = Count(QUEUED_JOBS, allow_none=True, example=100)
    running_jobs = Count(RUNNING_JOBS, allow_none=True, example=2)
    stored_bytes = Count(STORED_BYTES, allow_none=True, example=10_000_000_000)
    training_seconds_per_day = Count(TRAINING_SECONDS, allow_none=True, example=36_000)


class UsageSchema(AnswerSchema):
    """A project's usage of its quotas."""

    queued_jobs = Count(QUEUED_JOBS, example=3)
    running_jobs = Count(RUNNING_JOBS, example=1)
    stored_bytes = Count(STORED_BYTES, example=48_201_733)
    training_seconds_per_day = Count(TRAINING_SECONDS, example=5400)


class ProjectSchema(AnswerSchema):
    """A project, whose datasets, models, jobs and keys are kept apart from those of other projects."""

    name = Words("The project's name.", 128, example="vision", **NAMED)
    quotas = Inner(ShownQuotasSchema, "The most that the project may use.")
    usage = Inner(UsageSchema, "The project's usage of its quotas.")
    created_at = Moment("When the project was created.")
    links = Links("`self` is the project.")

    @pre_dump
    def _present(self, view: ProjectView, **_: Any) -> dict[str, Any]:
        return {
            "name": view.project.name,
            "quotas": asdict(view.project.quotas),
            "usage": asdict(view.usage),
            "created_at": view.project.created_at,
            "links": {"self": project_url(view.project.name)},
        }


class ProjectListQuery(ByTimeOrName):
    """The parameters of a list of projects."""
