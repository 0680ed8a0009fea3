"""The folders of the artifact store to which the database points."""

from service.operations.jobs.registry import KINDS
from service.storage import datasets, jobs, models, training_snapshots, variants
from service.storage.artifact_keys import upload_key
from service.storage.database import Session


def needed(session: Session) -> frozenset[str]:
    """The keys of the folders of datasets, versions, models, variants, checkpoints, snapshots, jobs' results, and
    uploads that jobs still need. Raises BadKey for a key that leads elsewhere."""
    reading = [id_ for id_, kind, request in jobs.unfinished_requests(session) if KINDS[kind].has_upload(request)]
    uploads = frozenset(map(upload_key, (*datasets.being_imported(session), *reading)))
    groups = {kind.name: kind.group for kind in KINDS.values() if kind.group is not None}
    results = jobs.result_folders(session, groups)
    versions = models.folders(session) | variants.folders(session)
    states = jobs.checkpoint_folders(session) | training_snapshots.folders(session)
    return uploads | datasets.folders(session) | versions | states | results
