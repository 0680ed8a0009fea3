"""The status of versions in the form of TensorFlow Serving."""

from collections.abc import Iterable
from typing import Any

from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.shown import Inner, OneOf, Words

NUMBER: dict[str, Any] = {"pattern": "^[0-9]+$", "example": "1"}
"""A version's number as other servers write it."""


class ServingStatusSchema(AnswerSchema):
    """An error code of gRPC; always that of success."""

    error_code = OneOf("Always `OK`: versions exist or don't.", "OK")
    error_message = OneOf("Always empty.", "")


class ServingVersionSchema(AnswerSchema):
    """A version's status as TensorFlow Serving shows it."""

    version = Words("The version's number.", 19, **NUMBER)
    state = OneOf("A version is available as long as it exists.", "AVAILABLE")
    status = Inner(ServingStatusSchema, "Whether the version was loaded.")


def version_statuses(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """An entry for each version; they are available as long as they exist."""
    fine = {"error_code": "OK", "error_message": ""}
    return [{"version": str(number), "state": "AVAILABLE", "status": fine} for number in numbers]
