"""What an import assumed, converted, dropped or inserted, for the people who use the dataset."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Note:
    """`type` is a stable code, `detail` a sentence for people, `count` the number of affected values or rows."""

    type: str
    detail: str
    column: str | None = None
    count: int | None = None

    def to_document(self) -> dict[str, Any]:
        """The members that apply."""
        members = {"type": self.type, "column": self.column, "detail": self.detail, "count": self.count}
        return {name: value for name, value in members.items() if value is not None}
