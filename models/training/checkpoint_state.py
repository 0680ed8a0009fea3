"""What a checkpoint keeps of a training beside its arrays, as a document."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.documents import Document


@dataclass
class Position(Document):
    """Where a training stands: with the variables and the callbacks' state, all that a checkpoint has to keep."""

    epochs: int
    """The number of epochs to train, which an order may change."""
    epochs_done: int = 0
    step: int = 0
    """Steps done of the epoch after those."""
    steps_done: int = 0
    """Of the whole training."""
    seconds: float = 0.0
    """Time spent on training, from each start's first call on, which also traces and compiles."""
    epoch_seconds: float = 0.0
    """Time spent on the running epoch."""
    last_order: int = 0
    """The number of the last order that took effect."""
    best: dict[str, float] | None = None
    results: list[Any] | None = None
    """The metrics and the learning rate of the running epoch once its steps are done: validating them is left."""


@dataclass(frozen=True)
class CheckpointState(Document):
    """All of a training's state that is no array."""

    position: Position
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The attributes of each callback that change, by the callback's class."""
    stop_training: bool = False
    """Whether a callback has asked to end."""

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return replace(super().from_document(document), position=Position.from_document(document["position"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"position": self.position.to_document()}
