"""The URLs of all resources, as absolute-path references that the client of the current request can use."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DATASETS = "/v1/datasets"
MODELS = "/v1/models"
TRAINING_JOBS = "/v1/training-jobs"
EVALUATIONS = "/v1/evaluations"
BATCH_PREDICTIONS = "/v1/batch-predictions"
VARIANT_JOBS = "/v1/variant-jobs"
WORKERS = "/v1/workers"
METRICS = "/metrics"
HEALTHZ = "/healthz"
"""Whether the process lives: answered for any host, and without the database."""
API_KEYS = "/v1/api-keys"
PROJECTS = "/v1/projects"
AUDIT_EVENTS = "/v1/audit-events"
JOB = re.compile(rf"(?:{TRAINING_JOBS}|{EVALUATIONS}|{BATCH_PREDICTIONS}|{VARIANT_JOBS})/([a-z]+_[0-9a-z]+)(?![^/])")
"""The part of a URL that names a job, with its id."""

PREFIX: ContextVar[str] = ContextVar("prefix", default="")
"""The path prefix that a trusted proxy removed from the current request, such as `/fitserve`; usually none."""


def public(path: str) -> str:
    """The path under which the client reaches what the service has at `path`."""
    return PREFIX.get() + path


@contextmanager
def behind(prefix: str) -> Iterator[None]:
    """Within the block, links have this prefix."""
    token = PREFIX.set(prefix)
    try:
        yield
    finally:
        PREFIX.reset(token)


def dataset_url(name: str) -> str:
    return public(f"{DATASETS}/{name}")


def dataset_version_url(dataset: str, number: int) -> str:
    return public(f"{DATASETS}/{dataset}/versions/{number}")


def model_url(name: str) -> str:
    return public(f"{MODELS}/{name}")


def version_url(model: str, number: int) -> str:
    return public(f"{MODELS}/{model}/versions/{number}")


def variant_url(model: str, number: int, type_: str) -> str:
    return f"{version_url(model, number)}/variants/{type_}"


def label_url(model: str, label: str) -> str:
    return public(f"{MODELS}/{model}/labels/{label}")


def training_job_url(job_id: str) -> str:
    return public(f"{TRAINING_JOBS}/{job_id}")


def snapshot_url(job_id: str, epoch: int | None) -> str:
    return public(f"{TRAINING_JOBS}/{job_id}/snapshots/{epoch}")


def evaluation_url(job_id: str) -> str:
    return public(f"{EVALUATIONS}/{job_id}")


def batch_prediction_url(job_id: str) -> str:
    return public(f"{BATCH_PREDICTIONS}/{job_id}")


def variant_job_url(job_id: str) -> str:
    return public(f"{VARIANT_JOBS}/{job_id}")


def worker_url(worker_id: str) -> str:
    return public(f"{WORKERS}/{worker_id}")


def api_key_url(key_id: str) -> str:
    return public(f"{API_KEYS}/{key_id}")


def project_url(name: str) -> str:
    return public(f"{PROJECTS}/{name}")


def find_job(url: str) -> str | None:
    """The id of the job that a URL names; None if it names none."""
    found = JOB.search(url)
    return None if found is None else found[1]
