"""Frozen dataclasses that are stored, or sent to another process, as JSON objects."""

from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Self

VERSION = "document_version"
"""The member with the version of a document's form. A document without it has version 1."""


class NewerDocument(ValueError):
    """A newer release stored the document, in a form that this one doesn't know."""


class Document:
    """The base of a dataclass that corresponds to a JSON object with the same fields.

    Documents of every older release can be read. A field that is added has a default. If fields change their names or
    meanings, `document_version` increases, and `upgrade` converts older documents. Unknown fields are ignored. A
    subclass whose fields aren't plain JSON extends `_read` and `to_document`.
    """

    document_version: ClassVar[int] = 1

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Raises TypeError if a field without a default is missing, NewerDocument."""
        version = document.get(VERSION, 1)
        if version > cls.document_version:
            raise NewerDocument(f"{cls.__name__} has version {version}; this release knows {cls.document_version}.")
        return cls._read(document if version == cls.document_version else cls.upgrade(document, version))

    @classmethod
    def upgrade(cls, document: dict[str, Any], version: int) -> dict[str, Any]:
        """A document of an older `version`, converted to the current one. Every version that increases extends this."""
        raise NotImplementedError(f"{cls.__name__} can't convert documents of version {version}.")

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        """Read a document of the current version."""
        return cls(**{name: document[name] for name in cls._field_names() if name in document})

    def to_document(self) -> dict[str, Any]:
        """The JSON object from which `from_document` creates an equal document."""
        version = {} if self.document_version == 1 else {VERSION: self.document_version}
        return version | {name: getattr(self, name) for name in self._field_names()}

    @classmethod
    @cache  # a table's descriptor has a document for each of thousands of columns
    def _field_names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]


class SparseDocument(Document):
    """A document whose JSON object lacks the fields that are None."""

    def to_document(self) -> dict[str, Any]:
        return {name: value for name, value in super().to_document().items() if value is not None}
