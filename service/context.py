"""What every operation needs, wired once for each process."""

from dataclasses import dataclass
from typing import Self

from service.config import Settings
from service.storage.artifacts import ArtifactStore
from service.storage.database import Database


@dataclass(frozen=True)
class Context:
    """The parts that operations are given; tests may wire others."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings, Database(settings.database_url), ArtifactStore(settings.artifact_folder))
