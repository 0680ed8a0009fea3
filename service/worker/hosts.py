"""Whether a worker can work together with those of other machines on this database and these artifacts."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from service.context import Context
from service.operations.upkeep import workers
from service.operations.upkeep.verification import find_missing_dataset
from service.storage.records import Worker
from service.worker.inability import CannotWork

log = structlog.get_logger()


class HostCheck:
    """Refuses to work on an SQLite file that workers of other machines use too, and with a folder of artifacts that
    they don't share, as far as that shows. Warns about any other folder.

    `worker_id` and `process` are this worker, as service.identity describes it.
    """

    def __init__(self, context: Context, worker_id: str, started_at: datetime, process: dict[str, Any]) -> None:
        self._context = context
        self._rank = started_at, worker_id
        self._process = process
        self._known: Sequence[str] = ()
        """The other hosts that were found and told."""
        self._has_started = False

    def check(self) -> None:
        """Look for workers of other machines.

        Raises CannotWork if they use the same SQLite file, or don't share the folder. Two on a file that have started
        at the same moment see each other only later: then the one that started last ends.
        """
        settings = self._context.settings
        others: list[Worker] = []
        if settings.uses_sqlite or settings.has_local_artifacts:
            others = workers.find_on_other_hosts(self._context, socket.gethostname(), self._process["boot"])
        must_end = not self._has_started or any(_rank(each) < self._rank for each in others)
        self._has_started = True
        if others and settings.uses_sqlite and must_end:
            raise CannotWork(
                f"A worker on the host {others[0].host} uses the same SQLite file. Its locks don't work between "
                "machines, so the file would be damaged. To run workers on several hosts, set FITSERVE_DATABASE_URL to "
                "PostgreSQL, and move the data with `fitserve backup` and `fitserve restore`."
            )
        self._tell(sorted({each.host for each in others}))

    def _tell(self, hosts: Sequence[str]) -> None:
        """Say once which hosts there are. Raises CannotWork."""
        if not set(hosts) <= set(self._known):
            if self._context.settings.uses_sqlite:
                log.error("workers on other machines use the same SQLite file, which damages it", hosts=hosts)
            else:
                self._check_folder(hosts)
                log.warning(
                    "workers run on several hosts: all of them and every api must share the folder of the artifacts",
                    folder=str(self._context.settings.artifact_folder),
                    hosts=hosts,
                )
        self._known = hosts

    def _check_folder(self, hosts: Sequence[str]) -> None:
        missing = find_missing_dataset(self._context)
        if missing is not None:
            raise CannotWork(
                f"Workers run on several hosts, such as {hosts[0]}, and don't share the folder "
                f"{self._context.settings.artifact_folder}: it has no {missing}, the files of the newest dataset. Set "
                "FITSERVE_ARTIFACT_URL to s3://BUCKET/PREFIX, or to the path of a folder that all hosts share, such as "
                "one on NFS."
            )


def _rank(worker: Worker) -> tuple[datetime, str]:
    """Which of two workers started first. Those of earlier releases don't say when they started."""
    return worker.started_at or datetime.min.replace(tzinfo=UTC), worker.id
