"""Whether a worker can work together with those of other machines on this database and these artifacts."""

import socket
from typing import Any

import structlog

from service.context import Context
from service.operations.upkeep import workers
from service.worker.inability import CannotWork

log = structlog.get_logger()


def check_hosts(context: Context, process: dict[str, Any]) -> None:
    """Refuse to work on an SQLite file that workers of other machines use too, and warn about a folder of artifacts.

    `process` is this worker, as service.identity describes it. Raises CannotWork.
    """
    others = workers.find_other_hosts(context, socket.gethostname(), process["boot"])
    if not others:
        return
    settings = context.settings
    if settings.uses_sqlite:
        raise CannotWork(
            f"A worker on the host {others[0]} uses the same SQLite file. Its locks don't work between machines, so "
            "the file would be damaged. To run workers on several hosts, set FITSERVE_DATABASE_URL to PostgreSQL, and "
            "move the data with `fitserve backup` and `fitserve restore`."
        )
    if settings.has_local_artifacts:
        log.warning(
            "workers run on several hosts: all of them and every api must share the folder of the artifacts",
            folder=str(settings.artifact_folder),
            hosts=others,
        )
