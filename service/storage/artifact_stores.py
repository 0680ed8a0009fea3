"""Opens the artifact store that the settings name, and waits for it at the start."""

import time

import structlog

from service.config import Settings
from service.errors import ArtifactsUnavailable
from service.storage.artifacts import ArtifactStore
from service.storage.bucket import Bucket, BucketRefused
from service.storage.folder_store import FolderStore
from service.storage.s3_store import S3Store

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0

log = structlog.get_logger()


def open_store(settings: Settings) -> ArtifactStore:
    """The store of `artifact_url`. Reads and writes nothing."""
    if settings.artifact_bucket is None:
        return FolderStore(settings.artifact_folder)
    return S3Store(
        Bucket(settings.artifact_bucket),
        settings.artifact_folder,
        settings.artifact_cache_bytes,
        least_free=2 * settings.min_free_bytes,  # so that copies alone never make a worker claim no jobs
        redirects=settings.artifact_redirects,
    )


def wait_for_store(settings: Settings) -> None:
    """Wait at most `start_seconds` for a bucket to answer. Each failed attempt is logged in a line.

    Raises ArtifactsUnavailable, at once if the bucket doesn't exist or refuses access; ArtifactsUnwritable.
    """
    store = open_store(settings)
    deadline, pause = time.monotonic() + settings.start_seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            store.check()
            return
        except ArtifactsUnavailable as error:
            left = deadline - time.monotonic()
            if isinstance(error, BucketRefused) or left <= 0:
                raise
            log.warning("waiting for the artifact store", reason=error.detail, seconds_left=round(left, 1))
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
