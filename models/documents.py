"""Frozen dataclasses that are stored, or sent to another process, as JSON objects."""

from dataclasses import fields
from typing import Any, Self


class Document:
    """The base of a dataclass that has a JSON object of the same members.

    A member that was added later has a default, so that what an older release stored can still be read; a member that
    this release doesn't know is ignored. A subclass with members that are no plain JSON extends both methods.
    """

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Raises TypeError where a member without a default is missing."""
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in document.items() if name in known})

    def to_document(self) -> dict[str, Any]:
        """The JSON object that `from_document` makes an equal document of."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
