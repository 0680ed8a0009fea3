"""Which folders of the artifact store the database points to."""

from service.operations.artifact_keys import UPLOADS, upload_key
from service.operations.jobs.registry import KINDS
from service.storage import datasets, jobs, models
from service.storage.database import Session

JOB_GROUPS = tuple(kind.group for kind in KINDS.values() if kind.group is not None)
"""Below which keys the folders lie that jobs keep for themselves."""
GROUPS = ("datasets", "models", "checkpoints", *JOB_GROUPS, UPLOADS)
"""Below which keys all folders lie."""


def needed(session: Session) -> frozenset[str]:
    """The keys of the files of datasets, versions and models, of checkpoints, of what jobs keep, and of uploads that
    wait."""
    reading = jobs.unfinished_ids(session, [kind.name for kind in KINDS.values() if kind.reads_upload])
    uploads = frozenset(map(upload_key, (*datasets.being_imported(session), *reading)))
    results = jobs.result_folders(session, [kind.name for kind in KINDS.values() if kind.group is not None])
    versions = models.folders(session)
    return uploads | datasets.folders(session) | versions | jobs.checkpoint_folders(session) | results
