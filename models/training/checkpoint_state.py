"""What a checkpoint keeps of a training beside its arrays, as a document."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.documents import Document


@dataclass
class Position(Document):
    """The position of a training; with the variables and the callbacks' state, it is all that a checkpoint needs."""

    epochs: int
    """The number of epochs to train, which orders may change."""
    epochs_done: int = 0
    step: int = 0
    """Finished steps of the next epoch."""
    steps_done: int = 0
    """Finished steps of the whole training."""
    seconds: float = 0.0
    """Training time, from the first call after each start, which also traces and compiles."""
    epoch_seconds: float = 0.0
    """Training time of the running epoch."""
    last_order: int = 0
    """The number of the last order that took effect."""
    best: dict[str, float] | None = None
    results: list[Any] | None = None
    """The metrics and the learning rate of the running epoch if its steps are done and only validation remains."""


@dataclass(frozen=True)
class CheckpointState(Document):
    """The state of a training, except for arrays."""

    position: Position
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The attributes of each callback that change, by the callback's class."""
    stop_training: bool = False
    """Whether a callback has asked to end."""
    folds: list[dict[str, float]] = field(default_factory=list)
    """The metrics of the folds that the job had finished before this training."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), position=Position.from_document(document["position"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"position": self.position.to_document()}
