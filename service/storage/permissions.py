"""File permissions: only the service's user can read the stored data."""

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
    """Remove other users' access to the SQLite file and the artifact folder, which older versions left readable.

    The data folder itself keeps its mode, because it may hold other things. Files of another user keep theirs; a
    warning says so.
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
        log.warning("other users can read this path", path=str(path), reason=error.strerror)
    else:
        log.debug("removed access for other users", path=str(path))
