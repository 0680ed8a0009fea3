"""What every operation needs, wired once for each process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from service.broker.sender import HintSender
from service.config import Settings
from service.storage.artifact_stores import open_store
from service.storage.artifacts import ArtifactStore
from service.storage.database import Database


@dataclass(frozen=True)
class Context:
    """The parts that operations are given; tests may wire others."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    broker: HintSender | None = None

    def in_project(self, project: str) -> Self:
        """The same parts, for operations that see and make only what belongs to a project."""
        return replace(self, database=self.database.in_project(project))

    @contextmanager
    def holding_files(self) -> Iterator[Self]:
        """The same parts, whose folders of artifacts stay on this host until the block ends."""
        with self.artifacts.holding() as artifacts:
            yield replace(self, artifacts=artifacts)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        broker = HintSender(settings.broker_url) if settings.broker_url else None
        database = Database(settings.database_url, settings.database_pool_size, broker)
        return cls(settings, database, open_store(settings), broker)
