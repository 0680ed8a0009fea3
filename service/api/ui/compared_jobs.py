"""The page that compares training jobs: their curves, their results and the settings that differ."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from flask import Response, request

from service.api.contract.schemas.models import ModelSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema, TrainingOptionsSchema
from service.api.http.state import context
from service.api.ui import formatting
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.differences import MISSING, find_differences
from service.api.ui.epoch_columns import round_value
from service.errors import NotFound
from service.operations.catalog import models
from service.operations.jobs import client_jobs, compared_curves
from service.operations.jobs.kinds import training

MOST_JOBS = 100
MOST_SETTINGS = 30
"""How many settings that differ have a column."""
SETTINGS = ("model", "dataset", "dataset_version", *TrainingOptionsSchema().fields, "learning_rate")
NETWORK = ("task", "input", "inputs", "layers", "loss", "metrics", "target", "threshold")

blueprint = page_blueprint(__name__)


@page(blueprint, "/training-jobs/compare")
def compare_jobs() -> Response:
    """The comparison of the jobs in the query's `jobs`: several ones, or one with commas."""
    wanted = list(dict.fromkeys(part for given in request.args.getlist("jobs") for part in given.split(",") if part))
    ids = wanted[:MOST_JOBS]
    jobs = TrainingJobSchema(many=True).dump(client_jobs.find_all(context(), training.KIND, ids))
    found = [job["id"] for job in jobs]
    metrics = list(dict.fromkeys(name for job in jobs for name in job["metrics"] or {}))
    metric = _choose_metric(metrics, request.args.get("metric"))
    curves = compared_curves.read(context(), found, metric)
    differing, equal = find_differences(_settings(jobs))
    return show(
        "training-jobs-compare.html",
        "training_jobs",
        jobs=[{**job, "seconds": _duration(job)} for job in jobs],
        left_out=len(wanted) - len(ids),
        most=MOST_JOBS,
        unknown=[job_id for job_id in ids if job_id not in found],
        metrics=metrics,
        metric=metric,
        curves=curves,
        differing=differing[:MOST_SETTINGS],
        more_differing=len(differing) - len(differing[:MOST_SETTINGS]),
        equal=equal,
        write=_write,
        sort_value=_sort_value,
        data={
            "epochs": curves.epochs,
            "values": [[round_value(value) for value in values] for values in curves.values],
            "metric": metric,
            "names": [f"{job['model']}, {job['id']}" for job in jobs],
        },
    )


def _choose_metric(metrics: Sequence[str], wanted: str | None) -> str:
    """The metric whose curves are shown: the wanted one, or else the loss, on the validation rows if there are any."""
    choices = (wanted, "val_loss", "loss", *metrics)
    return next((name for name in choices if name in metrics), "loss") or "loss"


def _settings(jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The settings of each job, with those of its network. A job's own optimizer replaces the network's."""
    networks = {name: _network(name) for name in {job["model"] for job in jobs}}
    found = []
    for job in jobs:
        network = networks[job["model"]]
        known = network if network.get("id") == job["model_id"] else {}
        settings = {name: job[name] for name in SETTINGS}
        settings["optimizer"] = job["optimizer"] or known.get("optimizer")
        found.append(settings | {"network": {name: known[name] for name in NETWORK if name in known}})
    return found


def _network(name: str) -> dict[str, Any]:
    """A model as its schema shows it; nothing if there is none of that name any more."""
    try:
        shown: dict[str, Any] = ModelSchema().dump(models.get(context(), name))
    except NotFound:
        return {}
    return shown


def _duration(job: Mapping[str, Any]) -> float | None:
    """The seconds between start and end; None before the end."""
    if job["started_at"] is None or job["finished_at"] is None:
        return None
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def _write(value: Any) -> str:
    """A setting as text; `–` for one that a job doesn't have."""
    if value is MISSING:
        return "–"
    if isinstance(value, float):
        return formatting.number(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _sort_value(value: Any) -> str:
    """What a column is sorted by: the whole number, or the text."""
    return _write(value) if isinstance(value, bool) or not isinstance(value, int | float) else repr(value)
