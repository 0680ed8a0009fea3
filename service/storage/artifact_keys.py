"""The keys of the artifact store, which name the folders of each resource. Only this module makes and parses keys.

    datasets/DATASET/EXECUTION            an imported dataset
    models/MODEL/EXECUTION                a version, or the weights that a model takes from other models
    variants/MODEL/EXECUTION              a variant of a version
    checkpoints/JOB/EXECUTION-NAME        the state of a training
    snapshots/JOB/EXECUTION               the weights of a training's epochs, a file for each
    batch-predictions/JOB/EXECUTION       the result of a batch prediction
    shards/JOB/EXECUTION                  the result of a shard; JOB is the job whose work it is part of
    results/JOB/EXECUTION                 the result of another kind of job
    uploads/ID                            a client's file that a job will read, or the snapshot that a training starts
                                          from; ID is the dataset's or the job's

EXECUTION is the job's id and the token of its lease, so that executions never write to the same folder.
"""

import re

DATASETS, MODELS, VARIANTS, CHECKPOINTS, SNAPSHOTS, PREDICTIONS, SHARDS, RESULTS, UPLOADS = GROUPS = (
    "datasets", "models", "variants", "checkpoints", "snapshots", "batch-predictions", "shards", "results", "uploads",
)  # fmt: skip
"""The first part of each key."""
SEPARATOR = "/"
ID = re.compile(r"[A-Za-z0-9_]{1,64}")
PUBLISHED = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""The names of published folders: EXECUTION, or EXECUTION-NAME."""


class BadKey(ValueError):
    """An invalid key or id. The message is a sentence."""


def datasets_key(dataset_id: str | None) -> str:
    """The parent key of a dataset's files."""
    return _join(DATASETS, dataset_id)


def versions_key(model_id: str | None) -> str:
    """The parent key of the files of a model's versions, and of the weights that it takes from other models."""
    return _join(MODELS, model_id)


def variants_key(model_id: str | None) -> str:
    """The parent key of the files of the variants of a model's versions."""
    return _join(VARIANTS, model_id)


def checkpoints_key(job_id: str) -> str:
    """The parent key of a training's checkpoints."""
    return _join(CHECKPOINTS, job_id)


def snapshots_key(job_id: str) -> str:
    """The parent key of a training's snapshots."""
    return _join(SNAPSHOTS, job_id)


def results_key(group: str, job_id: str) -> str:
    """The parent key of a job's result. `group` is the group of its kind."""
    return _join(group, job_id)


def upload_key(id_: str | None) -> str:
    """The key of a client's file. `id_` is the id of the dataset to import, or of the job that reads the file."""
    return _join(UPLOADS, id_)


def checkpoint_key(job_id: str, execution: str, name: str) -> str:
    """The key of a checkpoint that an execution wrote."""
    return key_below(checkpoints_key(job_id), f"{check_name(execution)}-{check_name(name)}")


def key_below(key: str, name: str) -> str:
    """The key of the folder `name` below `key`."""
    return _join(*parse(key), name)


def execution_name(job_id: str, token: int) -> str:
    """The name of the staged folder into which only this execution of a job writes."""
    return f"{job_id}-{token}"


def execution_of(key: str) -> str:
    """The name of the execution that published the key. In a checkpoint's key, the checkpoint's name follows it."""
    return "-".join(parse(key)[-1].split("-")[:2])


def count_parts(group: str) -> int:
    """How many parts the key of a published folder has."""
    return 2 if group == UPLOADS else 3


def parse(key: str) -> tuple[str, ...]:
    """The group, and the names below it. Raises BadKey unless the key has plain names below one of GROUPS."""
    group, *names = key.split(SEPARATOR)
    if group not in GROUPS:
        raise BadKey(f'"{key[:200]}" isn\'t a key: it must begin with one of {", ".join(GROUPS)}.')
    return (group, *map(check_name, names))


def check_id(id_: str) -> str:
    """Returns the id of a resource. Raises BadKey unless it's a plain name, as all ids are."""
    if ID.fullmatch(id_) is None:
        raise BadKey(f"{id_!r:.200} isn't a valid id.")
    return id_


def check_published(key: str, group: str, owner: str | None = None) -> str:
    """Returns the key of a folder that an execution published for a dataset, model or job. Raises BadKey unless it has
    three parts: the group, the id of the owner (any id by default), and the folder's name."""
    parts = parse(key)
    if len(parts) != 3 or parts[0] != group or PUBLISHED.fullmatch(parts[2]) is None:
        raise BadKey(f'"{key[:200]}" isn\'t the key of a folder in {group}.')
    if check_id(parts[1]) != (owner or parts[1]):
        raise BadKey(f'"{key[:200]}" isn\'t a key of {owner}.')
    return key


def check_name(name: str | None) -> str:
    """Returns the name of a folder or file. Raises BadKey if it's empty or refers to another folder."""
    if not name or name in (".", "..") or SEPARATOR in name or "\0" in name:
        raise BadKey(f"{name!r:.200} isn't a valid name of a folder or file.")
    return name


def _join(group: str, *names: str | None) -> str:
    return SEPARATOR.join((group, *map(check_name, names)))
