"""The folders of the artifact store to which the database points."""

from service.operations.jobs.registry import KINDS
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import upload_key
from service.storage.database import Session


def needed(session: Session) -> frozenset[str]:
    """The keys of the folders of datasets, versions, models, checkpoints, jobs' results, and uploads that jobs still
    need. Raises BadKey for a key that leads elsewhere."""
    reading = jobs.unfinished_ids(session, [kind.name for kind in KINDS.values() if kind.reads_upload])
    uploads = frozenset(map(upload_key, (*datasets.being_imported(session), *reading)))
    groups = {kind.name: kind.group for kind in KINDS.values() if kind.group is not None}
    results = jobs.result_folders(session, groups)
    versions = models.folders(session)
    return uploads | datasets.folders(session) | versions | jobs.checkpoint_folders(session) | results
