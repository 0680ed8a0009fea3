"""Which folders of the artifact store the database points to."""

from service.operations.datasets import UPLOADS, upload_key
from service.storage import datasets, jobs, models
from service.storage.database import Session

GROUPS = ("datasets", "models", "checkpoints", UPLOADS)
"""Below which keys all folders lie."""


def needed(session: Session) -> frozenset[str]:
    """The keys of the files of datasets, versions and models, of checkpoints, and of uploads that wait."""
    uploads = frozenset(upload_key(dataset_id) for dataset_id in datasets.being_imported(session))
    return uploads | datasets.folders(session) | models.folders(session) | jobs.checkpoint_folders(session)
