"""The form for a new training job."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields
from marshmallow.validate import Range

from models.catalogue import load_catalogue
from models.training.plan import PRECISIONS
from service import statuses
from service.api.contract.schemas.datasets import DatasetSchema
from service.api.contract.schemas.models import ModelItemSchema
from service.api.contract.schemas.snapshots import SnapshotsSchema
from service.api.contract.schemas.training_jobs import (
    EXECUTIONS,
    CreateTrainingJobSchema,
    EarlyStoppingSchema,
    TrainingJobSchema,
)
from service.api.http.path_names import read_epoch
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.callers import Scope
from service.config import DEFAULT_QUEUE
from service.context import Context
from service.errors import NotFound
from service.operations.catalog import datasets, models
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.operations.upkeep import workers
from service.storage.paging import PageQuery

MOST_CHOICES = 200
"""Of the models and of the datasets, the newest so many can be chosen; a name in the query always can."""

UNBOUNDED = 2**31 - 1
"""From this on, the greatest value of a field is one that nobody reaches, and isn't shown."""
CHOSEN_AGAIN = ("execution",)
"""What the service chooses for each job unless a client does, so that it isn't taken over from another job."""

blueprint = page_blueprint(__name__)


@page(blueprint, "/training-jobs/new", Scope.TRAIN)
def new_job() -> Response:
    """The form. The query's `model` and `dataset` are chosen in it; the settings are those of the job `job`, and with
    `epoch` the training starts from that job's snapshot."""
    given = request.args
    earlier = _settings_of(given["job"]) if given.get("job") else {}
    values = {**earlier, **{name: given[name] for name in ("model", "dataset") if given.get(name)}}
    if "model" in values and "dataset" not in values:
        values["dataset"] = _dataset_of(values["model"])
    if earlier and given.get("epoch"):
        values["start_from"] = {"training_job": given["job"], "epoch": read_epoch(given["epoch"])}
    return show(
        "training-job-new.html",
        "new_training_job",
        values=values,
        copied=given.get("job"),
        unbounded=UNBOUNDED,
        models=_model_choices(values.get("model")),
        datasets=_dataset_choices(values.get("dataset")),
        most=MOST_CHOICES,
        parts={
            "job": describe_fields(CreateTrainingJobSchema(), _limits(context())),
            "early_stopping": describe_fields(EarlyStoppingSchema()),
            "snapshots": describe_fields(SnapshotsSchema()),
        },
        executions=EXECUTIONS,
        precisions=PRECISIONS,
        queues=sorted({DEFAULT_QUEUE, values.get("queue", DEFAULT_QUEUE), *workers.find_open_queues(context())}),
        schedules=[entry.to_document() for entry in load_catalogue().entries("schedule")],
        optimizers=[entry.type for entry in load_catalogue().entries("optimizer")],
    )


def _settings_of(job_id: str) -> dict[str, Any]:
    """The fields of a job that a client can post. Raises NotFound."""
    job = TrainingJobSchema().dump(client_jobs.get(context(), training.KIND, job_id))
    postable = (name for name in CreateTrainingJobSchema().fields if name in job and name not in CHOSEN_AGAIN)
    return {name: job[name] for name in postable if job[name] is not None}


def _dataset_of(name: str) -> str | None:
    """The dataset that a model takes its input from; None if it has a shape instead, or doesn't exist."""
    with suppress(NotFound):
        return ModelItemSchema().dump(models.get(context(), name)).get("input", {}).get("dataset")
    return None


def _model_choices(wanted: str | None) -> list[dict[str, Any]]:
    """The models that can be trained, newest first, with what the form shows of them."""
    views = list(models.list_page(context(), PageQuery(MOST_CHOICES)).items)
    if wanted and wanted not in {view.model.name for view in views}:
        with suppress(NotFound):
            views.append(models.get(context(), wanted))
    usable = [view for view in views if view.model.trainable and view.model.status != statuses.FAILED]
    members = ("name", "task", "optimizer", "latest_version", "labels")
    return [{name: model[name] for name in members} for model in ModelItemSchema(many=True).dump(usable)]


def _dataset_choices(wanted: str | None) -> list[dict[str, Any]]:
    """The datasets, newest first, with what the form shows of them."""
    views = list(datasets.list_page(context(), PageQuery(MOST_CHOICES)).items)
    if wanted and wanted not in {view.dataset.name for view in views}:
        with suppress(NotFound):
            views.append(datasets.get(context(), wanted))
    shown = DatasetSchema(many=True).dump(view for view in views if view.dataset.status != statuses.FAILED)
    return [{"name": dataset["name"], "rows": dataset.get("rows")} for dataset in shown]


def _limits(context: Context) -> dict[str, int]:
    """What the operator allows at most."""
    limits = context.settings.limits
    return {"epochs": limits.epochs, "batch_size": limits.batch_size, "hosts": limits.hosts}


def describe_fields(schema: Schema, limits: Mapping[str, int] | None = None) -> dict[str, dict[str, Any]]:
    """The default, the least and the greatest value of each field of a schema; null where it has none."""
    return {name: _describe(field, (limits or {}).get(name)) for name, field in schema.fields.items()}


def _describe(field: fields.Field[Any], limit: int | None) -> dict[str, Any]:
    ranges = [validator for validator in field.validators if isinstance(validator, Range)]
    default = field.load_default
    return {
        "default": default if isinstance(default, bool | int | float | str) else None,
        "minimum": ranges[0].min if ranges else None,
        "maximum": limit or (ranges[0].max if ranges else None),
    }
