"""The response to a request for a new version."""

from typing import Any

from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.versions import OfModel, VersionSchema


class VersionOrJobSchema(AnswerSchema):
    """The version that is imported from a file, or the training job that creates one from a snapshot."""

    variants = (VersionSchema, TrainingJobSchema)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """The fields of the variant that describes the object."""
        return (VersionSchema() if isinstance(obj, OfModel) else TrainingJobSchema()).dump(obj, many=many)
