"""Whether a worker can work together with those of other machines on this database and these artifacts."""

import socket
from typing import Any

import structlog

from service.context import Context
from service.operations.upkeep import workers
from service.operations.upkeep.verification import find_missing_dataset
from service.worker.inability import CannotWork

log = structlog.get_logger()


def check_hosts(context: Context, process: dict[str, Any]) -> None:
    """Refuse to work on an SQLite file that workers of other machines use too, and with a folder of artifacts that they
    don't share, as far as that shows. Warn about any other folder.

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
        missing = find_missing_dataset(context)
        if missing is not None:
            raise CannotWork(
                f"Workers run on several hosts, such as {others[0]}, and don't share the folder "
                f"{settings.artifact_folder}: it has no {missing}, the files of the newest dataset. Set "
                "FITSERVE_ARTIFACT_URL to s3://BUCKET/PREFIX, or to the path of a folder that all hosts share, such as "
                "one on NFS."
            )
        log.warning(
            "workers run on several hosts: all of them and every api must share the folder of the artifacts",
            folder=str(settings.artifact_folder),
            hosts=others,
        )
