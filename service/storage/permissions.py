"""Who may read what the service keeps: its own user alone."""

import contextlib
import stat
from pathlib import Path

import structlog
from sqlalchemy import make_url

from service.config import Settings

OTHERS = stat.S_IRWXG | stat.S_IRWXO
BESIDE_A_DATABASE = ("", "-wal", "-shm", ".migration-lock")

log = structlog.get_logger()


def tighten(settings: Settings) -> None:
    """Take from all other users what an older Fitserve let them read: the SQLite file and the artifacts' folder.

    The folder of data itself stays as it is, since it may hold other things. What belongs to another user stays too,
    with a line in the log.
    """
    url = make_url(settings.database_url)
    files = [Path(f"{url.database}{end}") for end in BESIDE_A_DATABASE] if url.get_backend_name() == "sqlite" else []
    for path in (*files, settings.artifact_folder):
        with contextlib.suppress(FileNotFoundError):
            _close_to_others(path)


def _close_to_others(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return
    try:
        path.chmod(mode & ~OTHERS)
    except OSError as error:
        log.warning("other users may read what the service keeps", path=str(path), reason=error.strerror)
    else:
        log.debug("closed to other users", path=str(path))
