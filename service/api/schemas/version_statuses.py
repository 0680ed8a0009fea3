"""The status of versions in the form of TensorFlow Serving."""

from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from service.api.schemas.base import Schema


class VersionStatusSchema(Schema):
    """A version's status as TensorFlow Serving shows it."""

    version = fields.String()
    state = fields.String(metadata={"enum": ["AVAILABLE"]})
    status = fields.Dict(fields.String(), fields.String())


def version_statuses(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """An entry for each version; they are available as long as they exist."""
    fine = {"error_code": "OK", "error_message": ""}
    return [{"version": str(number), "state": "AVAILABLE", "status": fine} for number in numbers]
