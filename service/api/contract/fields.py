"""The fields of requests. They convert nothing, and each error message is a predicate for `"name" …`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from service.names import LONGEST_NAME, NAME, find_fault
from service.operations.catalog.uploads import ReceivedFile
from service.operations.metadata import LONGEST_KEY, LONGEST_VALUE, MOST_KEYS

LARGEST_INTEGER = 2**31 - 1
LARGEST_FLOAT = 3.4028235e38
"""The largest number of single precision, in which networks compute."""
MOST_ITEMS = 100_000_000
"""The most items of a list of data; far more than fit into a body."""
MOST_IN_QUERY = 10**18 - 1
"""An integer in a query has at most 18 digits."""
TEXT_PATTERN = r"^[^\x00]*$"
"""The pattern of every string: not every database can store U+0000."""

MESSAGES: dict[str, Any] = {
    "required": "is required",
    "null": "can't be null",
    "validator_failed": "has an invalid value",
}
TEXT_MESSAGES = MESSAGES | {"invalid": "must be a string", "invalid_utf8": "must be a string"}


class Whole(fields.Integer):
    """A JSON integer between two bounds, inclusive."""

    def __init__(self, minimum: int, maximum: int = LARGEST_INTEGER, **options: Any) -> None:
        message = f"must be an integer between {minimum:,} and {maximum:,}"
        between = validate.Range(minimum, maximum, error=message)
        metadata = {"format": "int32"} | options.pop("metadata", {})
        messages = MESSAGES | {"invalid": message}
        super().__init__(strict=True, validate=between, error_messages=messages, metadata=metadata, **options)


class Amount(fields.Float):
    """A finite JSON number between two bounds, inclusive."""

    def __init__(self, minimum: float, maximum: float = LARGEST_FLOAT, **options: Any) -> None:
        message = f"must be a number between {minimum} and {maximum:,}"
        between = validate.Range(minimum, maximum, error=message)
        metadata = {"format": "double"} | options.pop("metadata", {})
        messages = MESSAGES | {"invalid": message}
        super().__init__(validate=between, error_messages=messages, metadata=metadata, **options)

    def _validated(self, value: Any) -> float:
        if not isinstance(value, int | float):
            raise self.make_error("invalid")
        return super()._validated(value)


class Flag(fields.Boolean):
    """true or false; 0, 1 and strings are invalid."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=MESSAGES | {"invalid": "must be true or false"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Text(fields.String):
    """A string of at most `longest` characters."""

    def __init__(self, longest: int, **options: Any) -> None:
        length = validate.Length(max=longest, error=f"must have at most {longest} characters")
        metadata = {"pattern": TEXT_PATTERN} | options.pop("metadata", {})
        checks: list[Callable[[Any], Any]] = [length, _check_characters]
        super().__init__(validate=checks, error_messages=TEXT_MESSAGES, metadata=metadata, **options)


def _check_characters(value: str) -> None:
    if "\0" in value:
        raise ValidationError("must not contain the character U+0000")


class Name(fields.String):
    """A name that the client chooses; case-sensitive."""

    def __init__(self, *, metadata: dict[str, Any] | None = None, **options: Any) -> None:
        documented = {"pattern": f"^{NAME.pattern}$", "maxLength": LONGEST_NAME} | (metadata or {})
        super().__init__(validate=check_name, error_messages=TEXT_MESSAGES, metadata=documented, **options)


def check_name(value: str) -> None:
    """Raise ValidationError if clients may not choose this name."""
    fault = find_fault(value)
    if fault is not None:
        raise ValidationError(fault)


class Reference(Text):
    """The name of an existing resource."""

    def __init__(self, *, metadata: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(LONGEST_NAME, metadata={"pattern": f"^{NAME.pattern}$"} | (metadata or {}), **options)


class Choice(fields.String):
    """One of a set of strings."""

    def __init__(self, *choices: str, **options: Any) -> None:
        message = f"must be one of {', '.join(choices)}"
        super().__init__(
            validate=validate.OneOf(choices, error=message), error_messages=MESSAGES | {"invalid": message}, **options
        )


class Anything(fields.Raw):
    """JSON that an operation validates itself; `types` documents its JSON types."""

    def __init__(self, *types: str, metadata: dict[str, Any] | None = None, **options: Any) -> None:
        documented = {"type": list(types) if len(types) > 1 else types[0]} if types else {}
        super().__init__(error_messages=MESSAGES, metadata=documented | (metadata or {}), **options)


class Object(fields.Dict):
    """A JSON object that an operation validates itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=MESSAGES | {"invalid": "must be an object"}, **options)


class Items(fields.List):
    """A JSON array of at most `most` items, which an operation validates itself."""

    def __init__(self, item: fields.Field[Any] | None = None, *, most: int = MOST_ITEMS, **options: Any) -> None:
        length = validate.Length(max=most, error=f"must have at most {most:,} items")
        messages = MESSAGES | {"invalid": "must be a list"}
        super().__init__(item or Anything(), validate=length, error_messages=messages, **options)


def entries_of_metadata(*, removable: bool) -> dict[str, Any]:
    """The keys and values of metadata."""
    length = validate.Length(1, LONGEST_KEY, error=f"must have 1 to {LONGEST_KEY} characters")
    keys = fields.String(validate=[length, _check_characters], error_messages=TEXT_MESSAGES)
    return {"keys": keys, "values": Text(LONGEST_VALUE, allow_none=removable)}


KEYS: dict[str, Any] = {"propertyNames": {"minLength": 1, "maxLength": LONGEST_KEY, "pattern": TEXT_PATTERN}}


def _check_number_of_keys(entries: dict[str, str]) -> None:
    if len(entries) > MOST_KEYS:
        raise ValidationError(f"must have at most {MOST_KEYS} keys")


class Metadata(Object):
    """A client's metadata of a resource: strings by key. Null means no entries."""

    component = "Metadata"

    def __init__(self) -> None:
        description = f"Your own data: at most {MOST_KEYS} strings by key. You can filter lists by them."
        example = {"team": "vision", "ticket": "ML-42"}
        super().__init__(
            load_default=dict,
            allow_none=True,
            validate=_check_number_of_keys,
            metadata={"description": description, "maxProperties": MOST_KEYS, "example": example, **KEYS},
            **entries_of_metadata(removable=False),
        )

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """The strings by key; empty for null."""
        return super().deserialize(value, attr, data, **kwargs) or {}


class MetadataChanges(Object):
    """A merge patch of metadata."""

    component = "MetadataChanges"

    def __init__(self) -> None:
        description = (
            f"The keys to change. A null value removes its key; null instead of the object removes all keys. At most "
            f"{MOST_KEYS} keys can remain."
        )
        documented = {"description": description, "example": {"ticket": "ML-43", "team": None}, **KEYS}
        super().__init__(allow_none=True, metadata=documented, **entries_of_metadata(removable=True))


class UploadedFile(fields.Field[ReceivedFile]):
    """A file in a form."""

    def __init__(self, *, metadata: dict[str, Any], **options: Any) -> None:
        documented = {"type": "string", "format": "binary"} | metadata
        super().__init__(error_messages=MESSAGES, metadata=documented, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ReceivedFile:
        if not isinstance(value, ReceivedFile):
            raise ValidationError("must be a file: its part of the form needs a file name")
        return value


class UploadedFiles(fields.Field[list[ReceivedFile]]):
    """One or several files of a form, in their order."""

    def __init__(self, *, metadata: dict[str, Any], **options: Any) -> None:
        documented = {"type": "string", "format": "binary"} | metadata
        super().__init__(error_messages=MESSAGES, metadata=documented, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[ReceivedFile]:
        if not isinstance(value, list) or not all(isinstance(file, ReceivedFile) for file in value):
            raise ValidationError("must be a file: its part of the form needs a file name")
        return value


class Part(fields.Nested):
    """An object with its own schema."""

    def __init__(self, schema: Any, **options: Any) -> None:
        super().__init__(schema, error_messages=MESSAGES | {"type": "must be an object"}, **options)


class Moment(fields.DateTime):
    """A timestamp as RFC 3339 in UTC."""

    def __init__(self, description: str, *, allow_none: bool = False) -> None:
        metadata = {"description": description, "maxLength": 32, "example": "2027-01-31T12:34:56.789012Z"}
        super().__init__(allow_none=allow_none, metadata=metadata)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class QueryWhole(fields.Integer):
    """An integer in a query; values above `cap` count as `cap`."""

    def __init__(self, minimum: int, *, cap: int = LARGEST_INTEGER, **options: Any) -> None:
        self.cap = cap
        message = f"must be an integer of at least {minimum}"
        at_least = validate.Range(minimum, MOST_IN_QUERY, error=message)
        metadata = {"format": "int64"} | options.pop("metadata", {})
        messages = MESSAGES | {"invalid": message}
        super().__init__(validate=at_least, error_messages=messages, metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
            raise self.make_error("invalid")
        return min(int(value), self.cap)


class QueryAmount(fields.Float):
    """A finite number in a query between two bounds, inclusive."""

    def __init__(self, minimum: float, maximum: float, **options: Any) -> None:
        message = f"must be a number between {minimum} and {maximum:,}"
        between = validate.Range(minimum, maximum, error=message)
        metadata = {"format": "double"} | options.pop("metadata", {})
        messages = MESSAGES | {"invalid": message, "special": message, "too_large": message}
        super().__init__(validate=between, error_messages=messages, metadata=metadata, **options)


class QueryFlag(fields.Boolean):
    """true or false in a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            truthy={"true"}, falsy={"false"}, error_messages=MESSAGES | {"invalid": "must be true or false"}, **options
        )
