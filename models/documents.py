"""Frozen dataclasses that are stored, or sent to another process, as JSON objects."""

from dataclasses import fields
from typing import Any, Self


class Document:
    """The base of a dataclass that corresponds to a JSON object with the same fields.

    Fields added in later releases have defaults, so that documents of older releases can be read. Unknown fields are
    ignored. A subclass whose fields aren't plain JSON extends both methods.
    """

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Raises TypeError if a field without a default is missing."""
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in document.items() if name in known})

    def to_document(self) -> dict[str, Any]:
        """The JSON object from which `from_document` creates an equal document."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
