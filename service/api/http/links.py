"""The URLs of all resources, as absolute-path references."""

DATASETS = "/v1/datasets"
MODELS = "/v1/models"
TRAINING_JOBS = "/v1/training-jobs"
EVALUATIONS = "/v1/evaluations"
BATCH_PREDICTIONS = "/v1/batch-predictions"
WORKERS = "/v1/workers"
API_KEYS = "/v1/api-keys"
PROJECTS = "/v1/projects"


def dataset_url(name: str) -> str:
    return f"{DATASETS}/{name}"


def dataset_version_url(dataset: str, number: int) -> str:
    return f"{DATASETS}/{dataset}/versions/{number}"


def model_url(name: str) -> str:
    return f"{MODELS}/{name}"


def version_url(model: str, number: int) -> str:
    return f"{MODELS}/{model}/versions/{number}"


def label_url(model: str, label: str) -> str:
    return f"{MODELS}/{model}/labels/{label}"


def training_job_url(job_id: str) -> str:
    return f"{TRAINING_JOBS}/{job_id}"


def snapshot_url(job_id: str, epoch: int | None) -> str:
    return f"{TRAINING_JOBS}/{job_id}/snapshots/{epoch}"


def evaluation_url(job_id: str) -> str:
    return f"{EVALUATIONS}/{job_id}"


def batch_prediction_url(job_id: str) -> str:
    return f"{BATCH_PREDICTIONS}/{job_id}"


def api_key_url(key_id: str) -> str:
    return f"{API_KEYS}/{key_id}"


def project_url(name: str) -> str:
    return f"{PROJECTS}/{name}"
