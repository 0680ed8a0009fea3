"""Which folders of the artifact store the database points to."""

from service.storage import datasets, jobs, models
from service.storage.artifact_keys import upload_key
from service.storage.database import Session


def needed(session: Session) -> frozenset[str]:
    """The keys of the files of datasets, versions and models, of checkpoints, of batch predictions, and of uploads that
    wait."""
    uploads = frozenset(map(upload_key, (*datasets.being_imported(session), *jobs.reading_uploads(session))))
    versions = models.folders(session)
    return uploads | datasets.folders(session) | versions | jobs.checkpoint_folders(session) | jobs.folders(session)
