"""What all schemas have in common."""

from typing import Any, ClassVar

import marshmallow
from marshmallow import fields

from models.errors import Fault
from service.api.http.faults import UNKNOWN


class Schema(marshmallow.Schema):
    """Members in the order in which they are declared; unknown ones are faults."""

    error_messages = {"unknown": UNKNOWN, "type": "must be an object"}  # noqa: RUF012

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        # marshmallow asks in several ways, which is a third of the time that a list takes.
        return obj.get(attr, default) if type(obj) is dict else super().get_attribute(obj, attr, default)

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        """What an operation would find wrong with the members that are right by the schema, where others aren't."""
        return []


class AnswerSchema(Schema):
    """What the service sends. Every member is always there but those in `sometimes`; clients ignore those that they
    don't know, since there may be more of them one day."""

    sometimes: ClassVar[tuple[str, ...]] = ()
    additional: ClassVar[dict[str, Any] | None] = None
    """For the documentation: the JSON schema of further members, whose names are data."""
    variants: ClassVar[tuple[type["AnswerSchema"], ...]] = ()
    """For the documentation: the schemas of which one describes what is sent."""
    overlapping: ClassVar[bool] = False
    """For the documentation: whether several variants may describe the same object."""
    discriminator: ClassVar[str | None] = None
    """For the documentation: the member, with one value in each variant, that tells the variants apart."""

    class Meta:
        unknown = marshmallow.EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required = field_name not in self.sometimes
