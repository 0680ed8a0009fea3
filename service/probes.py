"""Health checks of the parts in this container or on this host, for a container engine's `HEALTHCHECK`."""

import contextlib
import http.client
from datetime import UTC, datetime

from service.config import Settings

RESPONSE_SECONDS = 4.0


def api_problem(settings: Settings) -> str | None:
    """Why the api can't be used; None if it answers `GET /healthz`.

    The request goes to the address on which the api listens, never through a proxy that the environment names.
    """
    host, url = settings.host.strip("[]"), f"{settings.url}/healthz"
    with contextlib.closing(http.client.HTTPConnection(host, settings.port, timeout=RESPONSE_SECONDS)) as connection:
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{url} doesn't answer: {error}."
    return None if status == http.HTTPStatus.OK else f"{url} returns a {status}."


def worker_problem(settings: Settings) -> str | None:
    """Why the worker that runs here can't take jobs; None if it can.

    A worker that works writes a heartbeat to the database every few seconds. A process that merely exists may hang, be
    without its database, or fail to start the processes of jobs.
    """
    # Little is imported, because the check runs often.
    from service.identity import lives_here
    from service.storage import workers
    from service.storage.database import Database
    from service.storage.failures import first_line

    try:
        with contextlib.closing(Database(settings.database_url)) as database, database.read() as session:
            here = [worker for worker in workers.all_workers(session) if lives_here(worker.process)]
    except Exception as error:
        # Any error counts: the worker can't work without its database, whose tables may not exist yet.
        return f"The database can't be used: {first_line(error)}."
    if not here:
        return "No worker runs here."
    silence = datetime.now(UTC) - max(worker.heartbeat_at for worker in here)
    if silence > workers.SILENT_AFTER:
        return f"The worker sent its last heartbeat {silence.total_seconds():.0f} seconds ago."
    if not any(worker.ready for worker in here):
        return "The worker can't start the processes of jobs; its log says why."
    return None
