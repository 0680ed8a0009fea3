"""The moments at which a crash leaves most behind. This module is loaded into the service, so it imports nothing of it.

Each is a function of the service, and whether the process dies before or after it.
"""

from dataclasses import dataclass

FOLDER_VARIABLE = "BENCHMARK_SIGNALS"
"""The environment variable with the folder in which a file arms the moment that it is named after."""


@dataclass(frozen=True)
class Moment:
    """`function` is its qualified name in the module; `part` is the command of the process that dies."""

    module: str
    function: str
    when: str
    part: str


_PUBLISH = ("service.storage.artifacts", "ArtifactStore.publish")
FOLDER, S3, BUCKET = "service.storage.folder_store", "service.storage.s3_store", "service.storage.bucket"
"""The modules of the artifact stores. A service uses the first one or the two others."""
_REMOVE = (FOLDER, "FolderStore.remove")
_REMOVE_FROM_S3 = (S3, "S3Store.remove")
_COMMIT = ("service.storage.commits", "commit")
_LIFECYCLE = "service.operations.jobs.lifecycle"
_RECORDING = "service.operations.jobs.recording"
_IDEMPOTENCY = "service.operations.idempotency"

MOMENTS = {
    "api before publishing": Moment(*_PUBLISH, "before", "api"),
    "api after publishing": Moment(*_PUBLISH, "after", "api"),
    "api before a commit": Moment(*_COMMIT, "before", "api"),
    "api after a commit": Moment(*_COMMIT, "after", "api"),
    "api after claiming a key": Moment(_IDEMPOTENCY, "claim", "after", "api"),
    "api before settling a key": Moment(_IDEMPOTENCY, "settle", "before", "api"),
    "api after settling a key": Moment(_IDEMPOTENCY, "settle", "after", "api"),
    "worker before publishing": Moment(*_PUBLISH, "before", "worker"),
    "worker after publishing": Moment(*_PUBLISH, "after", "worker"),
    "worker before a commit": Moment(*_COMMIT, "before", "worker"),
    "worker after a commit": Moment(*_COMMIT, "after", "worker"),
    "worker after a claim": Moment(_LIFECYCLE, "claim", "after", "worker"),
    "worker after recording events": Moment(_RECORDING, "record", "after", "worker"),
    "worker before recording a success": Moment(_LIFECYCLE, "_record_success", "before", "worker"),
    "worker after recording a success": Moment(_LIFECYCLE, "succeed", "after", "worker"),
    "worker before removing files": Moment(*_REMOVE, "before", "worker"),
    "worker after removing files": Moment(*_REMOVE, "after", "worker"),
    "worker before removing files from S3": Moment(*_REMOVE_FROM_S3, "before", "worker"),
    "worker after removing files from S3": Moment(*_REMOVE_FROM_S3, "after", "worker"),
    "worker between files and their sums": Moment(BUCKET, "Bucket.upload", "after", "worker"),
}
