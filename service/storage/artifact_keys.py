"""The keys of the artifact store: where the files of each resource lie. They are made and parsed here alone.

    datasets/DATASET/EXECUTION            what an import made
    models/MODEL/EXECUTION                a version, or the weights that a model has from others
    checkpoints/JOB/EXECUTION-NAME        the state of a training
    batch-predictions/JOB/EXECUTION       the result of a batch prediction
    results/JOB/EXECUTION                 what a job of another kind made and keeps for itself
    uploads/ID                            a client's file that waits: ID is the dataset's or the job's

EXECUTION is the job's id and the token of its lease, so that one execution is never in another's way.
"""

DATASETS, MODELS, CHECKPOINTS, PREDICTIONS, RESULTS, UPLOADS = GROUPS = (
    "datasets", "models", "checkpoints", "batch-predictions", "results", "uploads",
)  # fmt: skip
"""What keys begin with."""
SEPARATOR = "/"


class BadKey(ValueError):
    """A key that no folder of the store can have; the text is a sentence."""


def datasets_key(dataset_id: str | None) -> str:
    """Below which a dataset's files are kept."""
    return _join(DATASETS, dataset_id)


def versions_key(model_id: str | None) -> str:
    """Below which the files of a model's versions are kept, and the weights that it has from others."""
    return _join(MODELS, model_id)


def checkpoints_key(job_id: str) -> str:
    """Below which a training's checkpoints are kept."""
    return _join(CHECKPOINTS, job_id)


def results_key(group: str, job_id: str) -> str:
    """Below which a job keeps what it made; `group` is that of its kind."""
    return _join(group, job_id)


def upload_key(id_: str | None) -> str:
    """Where a client's file waits: for the import job of a dataset, or for the job itself that reads it."""
    return _join(UPLOADS, id_)


def checkpoint_key(job_id: str, execution: str, name: str) -> str:
    """Where one of the checkpoints is kept that an execution wrote."""
    return key_below(checkpoints_key(job_id), f"{check_name(execution)}-{check_name(name)}")


def key_below(key: str, name: str) -> str:
    """The key of a folder of that name below a key."""
    return _join(*parse(key), name)


def execution_name(job_id: str, token: int) -> str:
    """What the folder is called that this execution of a job, and no other, writes into."""
    return f"{job_id}-{token}"


def execution_of(key: str) -> str:
    """The execution that published what lies under the key; a checkpoint's name follows it."""
    return "-".join(parse(key)[-1].split("-")[:2])


def parse(key: str) -> tuple[str, ...]:
    """The group, and the names below it. Raises BadKey for anything but plain names below one of GROUPS."""
    group, *names = key.split(SEPARATOR)
    if group not in GROUPS:
        raise BadKey(f'"{key[:200]}" is no key: it begins with none of {", ".join(GROUPS)}.')
    return (group, *map(check_name, names))


def check_name(name: str | None) -> str:
    """The name of a folder or file. Raises BadKey where it is none, or leads elsewhere."""
    if not name or name in (".", "..") or SEPARATOR in name or "\0" in name:
        raise BadKey(f"{name!r:.200} is no name of a folder or file.")
    return name


def _join(group: str, *names: str | None) -> str:
    return SEPARATOR.join((group, *map(check_name, names)))
