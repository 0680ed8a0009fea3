"""Which pictures there are of what was trained: of the snapshots of a job, of a version, and of its evaluation."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from models.numeric_inputs import have_boundary
from service import statuses
from service.api.contract.schemas.datasets import DatasetSchema
from service.api.contract.schemas.evaluations import EvaluationSchema
from service.api.http.links import EVALUATIONS, MODELS, TRAINING_JOBS
from service.api.http.state import context
from service.errors import NotFound
from service.operations.catalog import datasets
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import evaluation

TABLE = "table"


def find_boundary(job: Mapping[str, Any]) -> str | None:
    """The path of the picture of what a snapshot predicts; None if the network takes something else than one or two
    numbers, or the dataset was deleted."""
    if job["links"]["dataset"] is None:
        return None
    dataset = DatasetSchema().dump(datasets.get(context(), job["dataset"]))
    inputs = dataset.get("inputs") or []
    if dataset.get("kind") == TABLE:
        inputs = [{"columns": inputs}]
    return f"{TRAINING_JOBS}/{job['id']}/boundary" if have_boundary(inputs) else None


def find_evaluation(view: JobView) -> dict[str, Any] | None:
    """The evaluation that the training made on the test rows, if it succeeded and wasn't deleted."""
    found: dict[str, Any] | None = None
    if view.evaluation is not None:
        with suppress(NotFound):
            found = EvaluationSchema().dump(client_jobs.get(context(), evaluation.KIND, view.evaluation))
    return found if found is not None and found["status"] == statuses.SUCCEEDED else None


def result_pictures(job: Mapping[str, Any], evaluated: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The pictures of what was trained, on test rows: the name of each with its path. None without test rows."""
    if evaluated is None:
        return []
    found = evaluation_pictures(evaluated["id"], is_regression=evaluated["result"]["classes"] is None)
    if job["links"].get("version") and job["links"]["predictions"] and job["links"]["dataset"]:
        found.append(("samples", f"{MODELS}/{job['model']}/versions/{job['version']}/samples?split=test"))
    return found


def evaluation_pictures(evaluation_id: str, *, is_regression: bool) -> list[tuple[str, str]]:
    """The pictures of an evaluation: the name of each with its path."""
    kinds = ("residuals",) if is_regression else ("confusion", "roc")
    return [(kind, f"{EVALUATIONS}/{evaluation_id}/{kind}") for kind in kinds]
