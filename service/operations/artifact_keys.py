"""The artifact keys of everything that has files: made here and nowhere else."""

UPLOADS = "uploads"


def datasets_key(dataset_id: str | None) -> str:
    """Below which a dataset's files are kept."""
    return f"datasets/{dataset_id}"


def versions_key(model_id: str | None) -> str:
    """Below which the files of a model's versions are kept."""
    return f"models/{model_id}"


def upload_key(id_: str) -> str:
    """Where a client's file waits: for the import job of a dataset, or for the job itself that reads it."""
    return f"{UPLOADS}/{id_}"


def checkpoints_key(job_id: str) -> str:
    """Below which a job's checkpoints are kept."""
    return f"checkpoints/{job_id}"
