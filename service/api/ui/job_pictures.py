"""Which pictures there are of a training job: of its snapshots, of its version, and of the evaluation of that."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

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

MOST_AXES = 2
"""A boundary has an axis for each number that the network takes."""
NUMBER = "number"
TABLE = "table"


def find_boundary(job: Mapping[str, Any]) -> str | None:
    """The path of the picture of what a snapshot predicts; None if the network takes something else than one or two
    numbers, or the dataset was deleted."""
    if job["links"]["dataset"] is None:
        return None
    dataset = DatasetSchema().dump(datasets.get(context(), job["dataset"]))
    inputs = dataset.get("inputs") or []
    are_columns = dataset.get("kind") == TABLE
    if are_columns and any(column["type"] != NUMBER for column in inputs):
        return None
    if not inputs or (len(inputs) > 1 and not are_columns):
        return None
    numbers = sum(math.prod(entry["shape"]) for entry in inputs)
    return f"{TRAINING_JOBS}/{job['id']}/boundary" if numbers <= MOST_AXES else None


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
    kinds = ("residuals",) if evaluated["result"]["classes"] is None else ("confusion", "roc")
    found = [(kind, f"{EVALUATIONS}/{evaluated['id']}/{kind}") for kind in kinds]
    if job["links"].get("version") and job["links"]["predictions"] and job["links"]["dataset"]:
        found.append(("samples", f"{MODELS}/{job['model']}/versions/{job['version']}/samples?split=test"))
    return found
