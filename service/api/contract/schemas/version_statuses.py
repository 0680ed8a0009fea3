"""The status of versions in TensorFlow Serving's format."""

from collections.abc import Iterable
from typing import Any

from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import Inner, OneOf, Words

NUMBER: dict[str, Any] = {"pattern": "^[0-9]+$", "example": "1"}
"""A version number in other servers' formats."""


class ServingStatusSchema(AnswerSchema):
    """A gRPC status; always success."""

    error_code = OneOf("Always `OK`: a version that exists is available.", "OK")
    error_message = OneOf("Always empty.", "")


class ServingVersionSchema(AnswerSchema):
    """A version's status in TensorFlow Serving's format."""

    version = Words("The version's number.", 19, **NUMBER)
    state = OneOf("Always `AVAILABLE`.", "AVAILABLE")
    status = Inner(ServingStatusSchema, "Whether the version was loaded.")


def version_statuses(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """An entry for each version, always available."""
    ok = {"error_code": "OK", "error_message": ""}
    return [{"version": str(number), "state": "AVAILABLE", "status": ok} for number in numbers]
