"""The base classes of all schemas."""

from itertools import islice
from typing import Any, ClassVar

import marshmallow
from marshmallow import fields

from models.errors import MOST_FAULTS, Fault
from service.api.http.faults import UNKNOWN


class Schema(marshmallow.Schema):
    """Fields in the order of their declaration; unknown ones are faults."""

    holds_data: ClassVar[bool] = False
    """Whether a body may hold the rows of a dataset, and so more values than other documents."""
    error_messages = {"unknown": UNKNOWN, "type": "must be an object"}  # noqa: RUF012

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        # marshmallow's own lookup tries several ways, which takes a third of the time of a list.
        return obj.get(attr, default) if type(obj) is dict else super().get_attribute(obj, attr, default)

    @marshmallow.pre_load
    def _omit_most_unknown(self, members: Any, **_: Any) -> Any:
        """Without most of the unknown fields, if there are very many: an error only names the first ones."""
        if not isinstance(members, dict) or len(members) <= len(self.load_fields) + MOST_FAULTS:
            return members
        unknown = (name for name in members if name not in self.load_fields)
        named = self.load_fields.keys() | set(islice(unknown, MOST_FAULTS))
        return {name: value for name, value in members.items() if name in named}

    def find_more_faults(self, members: dict[str, Any]) -> list[Fault]:
        """Check the schema-valid fields as the operation would, to report all faults when other fields are invalid."""
        return []


class AnswerSchema(Schema):
    """A response. Fields are always present, except those in `sometimes`. Clients ignore unknown fields, because later
    versions may add some."""

    sometimes: ClassVar[tuple[str, ...]] = ()
    additional: ClassVar[dict[str, Any] | None] = None
    """For the documentation: the JSON schema of additional fields, whose names are data."""
    variants: ClassVar[tuple[type["AnswerSchema"], ...]] = ()
    """For the documentation: alternative schemas, one of which describes the object."""
    overlapping: ClassVar[bool] = False
    """For the documentation: whether several variants can match the same object."""
    discriminator: ClassVar[str | None] = None
    """For the documentation: the field that distinguishes the variants, with one value in each."""

    class Meta:
        unknown = marshmallow.EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required = field_name not in self.sometimes
