"""The fields of responses. They validate nothing: bounds and examples are for the documentation only."""

from typing import Any

from marshmallow import fields

from service.api.contract.fields import LONGEST_NAME, NAME, TEXT_PATTERN, Metadata

ANY_TEXT = r"^[\s\S]*$"
"""The pattern of strings that may quote a client's input."""
LARGEST_COUNT = 2**53 - 1
"""The largest integer that is exact in every language's JSON."""
MOST_ITEMS = 10_000_000
LONGEST_URL = 2000
NAMED: dict[str, Any] = {"pattern": f"^{NAME.pattern}$", "maxLength": LONGEST_NAME}
DIGEST: dict[str, Any] = {"pattern": "^[0-9a-f]{64}$", "maxLength": 64}
CLASS: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": 256, "pattern": TEXT_PATTERN},
        {"type": "integer", "format": "int64", "minimum": -LARGEST_COUNT, "maximum": LARGEST_COUNT},
        {"type": "boolean"},
    ],
}
"""A class: a string, an integer or a boolean."""


def _about(description: str) -> dict[str, Any]:
    return {"description": description} if description else {}


class Words(fields.String):
    """A string of at most `longest` characters."""

    def __init__(self, description: str, longest: int = 10_000, *, allow_none: bool = False, **keywords: Any) -> None:
        bounds = {"maxLength": longest, "pattern": ANY_TEXT}
        super().__init__(allow_none=allow_none, metadata=_about(description) | bounds | keywords)


class Identifier(Words):
    """The id of a resource. Ids sort by creation time."""

    def __init__(self, prefix: str, description: str, *, allow_none: bool = False) -> None:
        example = f"{prefix}_0660cff60faa21743c8f48cd"
        bounds = {"pattern": f"^{prefix}_[0-9a-f]{{24}}$", "example": example}
        super().__init__(description, len(example), allow_none=allow_none, **bounds)


class OneOf(fields.String):
    """One of a set of strings."""

    def __init__(self, description: str, *choices: str, allow_none: bool = False) -> None:
        enum = [*choices, None] if allow_none else list(choices)
        super().__init__(allow_none=allow_none, metadata=_about(description) | {"enum": enum})


class Url(Words):
    """A URL of this service, as an absolute-path reference."""

    def __init__(self, description: str = "", *, allow_none: bool = False, **keywords: Any) -> None:
        bounds = {"format": "uri-reference", "pattern": "^/", "example": "/v1/models/flowers"}
        super().__init__(description, LONGEST_URL, allow_none=allow_none, **bounds | keywords)


class Count(fields.Integer):
    """An integer."""

    def __init__(self, description: str, minimum: int = 0, *, allow_none: bool = False, **keywords: Any) -> None:
        bounds = {"format": "int64", "minimum": minimum, "maximum": LARGEST_COUNT}
        super().__init__(allow_none=allow_none, metadata=_about(description) | bounds | keywords)


class Number(fields.Float):
    """A number; with `allow_none`, null stands for one that isn't finite or isn't known."""

    def __init__(
        self,
        description: str,
        minimum: float | None = None,
        maximum: float | None = None,
        *,
        allow_none: bool = False,
        **keywords: Any,
    ) -> None:
        # The bounds of double precision are omitted: generators of clients fail on such large numbers.
        given = {"minimum": minimum, "maximum": maximum}
        bounds = {name: bound for name, bound in given.items() if bound is not None}
        super().__init__(allow_none=allow_none, metadata=_about(description) | {"format": "double"} | bounds | keywords)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> Any:
        return value  # integers stay integers: an epoch is 3, not 3.0


class Truth(fields.Boolean):
    """true or false."""

    def __init__(self, description: str) -> None:
        super().__init__(metadata=_about(description))


class Value(fields.Raw):
    """Any JSON, unless `keywords` restrict it."""

    def __init__(self, description: str, *, allow_none: bool = False, **keywords: Any) -> None:
        super().__init__(allow_none=allow_none, metadata=_about(description) | keywords)


class Instance(fields.Raw):
    """A row in the form of `instances` in predictions."""

    component = "Instance"

    def __init__(self, **keywords: Any) -> None:
        number = {"type": "number", "format": "double"}
        numbers = {"type": "array", "maxItems": MOST_ITEMS, "items": {}}
        members = {"type": "object", "additionalProperties": True}
        description = "A row: a number, nested numbers, a table's values in order, or an object by column or input."
        super().__init__(metadata={"description": description, "anyOf": [number, numbers, members]} | keywords)


class Listing(fields.List):
    """A list of at most `most` items."""

    def __init__(
        self,
        description: str,
        item: fields.Field[Any],
        most: int = MOST_ITEMS,
        *,
        allow_none: bool = False,
        **keywords: Any,
    ) -> None:
        super().__init__(item, allow_none=allow_none, metadata=_about(description) | {"maxItems": most} | keywords)


class Mapping(fields.Dict):
    """An object whose keys are data."""

    def __init__(
        self, description: str, value: fields.Field[Any] | None = None, *, allow_none: bool = False, **keywords: Any
    ) -> None:
        metadata = _about(description) | keywords
        super().__init__(fields.String(), value or Value("Any JSON."), allow_none=allow_none, metadata=metadata)


class Links(Mapping):
    """The URLs of related resources."""

    def __init__(self, description: str, *, allow_none: bool = False) -> None:
        url = Url("An absolute-path reference; null for a deleted resource.", allow_none=True)
        super().__init__(description, url, allow_none=allow_none)


class ShownMetadata(Mapping):
    """A client's metadata of a resource."""

    component = Metadata.component

    def __init__(self) -> None:
        super().__init__("The metadata that the client set: strings by key.", fields.String())


class Inner(fields.Nested):
    """An object with its own schema."""

    def __init__(self, schema: Any, description: str, *, allow_none: bool = False) -> None:
        super().__init__(schema, allow_none=allow_none, metadata=_about(description))


class AsItIs(Inner):
    """An object that is returned as stored: its schema is for the documentation only."""

    def _serialize(  # type: ignore[override]
        self, nested_obj: Any, attr: str | None, obj: Any, **kwargs: Any
    ) -> Any:
        return nested_obj
