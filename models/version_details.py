"""What is known of a version beside its files: what its training reached, and what it takes, gives and consists of."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.documents import Document


@dataclass(frozen=True)
class ArtifactFile(Document):
    """A file of a version that clients may download."""

    format: str
    """A key of models.version_files.ARTIFACTS."""
    bytes: int
    sha256: str


@dataclass(frozen=True)
class TrainingMode(Document):
    """How the steps of a version's training were computed."""

    precision: str
    """`float32` or `bfloat16`."""
    execution: str
    """`graph` or `compiled`."""
    bfloat16_layers: int | None = None
    """The number of layers that computed in bfloat16; None for a version that an older release trained."""


@dataclass(frozen=True)
class VersionDetails(Document):
    """A version as it was saved."""

    servable: bool
    reason: str | None = None
    """Why it can't be served."""
    difference: float | None = None
    """The largest difference of the exported network's outputs from those of Keras, as a share of the largest output or
    of 1; None unless it is servable and was compared."""
    metrics: dict[str, dict[str, float] | None] = field(default_factory=dict)
    """By split; None for a split without rows."""
    baseline: dict[str, dict[str, float] | None] | None = None
    """The same of the naive guess; None for a version that was saved without it."""
    classes: list[Any] | None = None
    """What its scores are of, in order; None for a regression."""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """What it takes: models.spec.InputSpec as a document, with its `name`."""
    artifacts: tuple[ArtifactFile, ...] = ()
    training: TrainingMode | None = None
    """None for a version that was trained elsewhere, or by an older release."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        files = tuple(ArtifactFile.from_document(file) for file in document.get("artifacts", ()))
        mode = document.get("training")
        return replace(
            super()._read(document),
            artifacts=files,
            training=None if mode is None else TrainingMode.from_document(mode),
        )

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {
            "artifacts": [file.to_document() for file in self.artifacts],
            "training": None if self.training is None else self.training.to_document(),
        }
