"""The page that predicts with a version, or with a training at one of its epochs."""

from contextlib import suppress
from typing import Any

from flask import Response, request

from service import statuses
from service.api.contract.schemas.datasets import SPLITS, DatasetSchema
from service.api.contract.schemas.models import ModelSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.versions import OfModel, VersionSchema
from service.api.http.links import public
from service.api.http.state import caller, context
from service.api.ui.blueprint import page, page_blueprint, show, whole_number
from service.api.ui.posted import inputs_of
from service.api.ui.try_form import describe_form
from service.callers import Scope
from service.errors import NotFound
from service.operations.catalog import datasets, models, variants, versions
from service.operations.jobs import client_jobs, snapshots
from service.operations.jobs.kinds import training
from service.storage.paging import PageQuery

MOST_SNAPSHOTS = 1000
MOST_ROWS = 20
MOST_VARIANTS = 100

Document = dict[str, Any]

blueprint = page_blueprint(__name__)


@page(blueprint, "/models/<name>/try")
def try_it(name: str) -> Response:
    """The form for a prediction. The query names a `version` and optionally its `variant`, or a `job` and optionally
    the `epoch` of a snapshot."""
    model = ModelSchema().dump(models.get(context(), name))
    job = _job(name, request.args.get("job"))
    version = _version(name, whole_number("version", None) or model["latest_version"]) if job is None else None
    of = version or job
    if of is None or not caller().may(Scope.PREDICT):
        return show("try.html", "try", model=model, shown=None, data=None, job=job)
    dataset = _dataset(of["dataset"])
    job_id = _maker(version) if job is None else job["id"]
    epochs = [] if not job_id else _epochs(job_id)
    inputs = version["inputs"] if version is not None else [{"name": n, **one} for n, one in inputs_of(model).items()]
    form = describe_form(inputs, dataset)
    data = {
        "form": form,
        "model": name,
        "task": model["task"],
        "threshold": model["threshold"],
        "version": None if version is None else version["version"],
        "variants": [] if version is None else _variants(name, version["version"]),
        "variant": request.args.get("variant", ""),
        "path": None if version is None else f"/v1/models/{name}/versions/{version['version']}/predictions",
        "job": job_id,
        "epochs": epochs,
        "epoch": _epoch(epochs) if job is not None else None,
        "rows": None if dataset is None else _rows(dataset),
        "target": None if dataset is None else dataset["target"]["name"],
        "unit": None if dataset is None else dataset["target"].get("unit"),
        "url": request.host_url.rstrip("/") + public(""),
        "with_key": caller().key_id is not None,
    }
    return show("try.html", "try", model=model, shown=version, data=data, job=job, form=form)


def _version(name: str, number: int | None) -> Document | None:
    if number is None:
        return None
    found: Document = VersionSchema().dump(OfModel(name, versions.get(context(), name, number)))
    return found


def _variants(name: str, number: int) -> list[str]:
    """The types of the variants that can predict."""
    found = variants.list_page(context(), name, number, PageQuery(MOST_VARIANTS)).items
    return [view.type for view in found if view.status == statuses.READY]


def _job(name: str, job_id: str | None) -> Document | None:
    """The training job of this model that the query names. Raises NotFound."""
    if job_id is None:
        return None
    found: Document = TrainingJobSchema().dump(client_jobs.get(context(), training.KIND, job_id))
    if found["model"] != name:
        raise NotFound(f'The training job {job_id} trains "{found["model"]}", not "{name}".')
    return found


def _maker(version: Document | None) -> str | None:
    """The id of the training job that made a version, if it still exists."""
    if version is None or version["links"].get("training_job") is None:
        return None
    made_by: str = version["training_job"]
    return made_by


def _dataset(name: str | None) -> Document | None:
    """A dataset whose rows can be shown; None if it was deleted."""
    if name is not None:
        with suppress(NotFound):
            found: Document = DatasetSchema().dump(datasets.get(context(), name))
            return found if found["status"] == statuses.READY else None
    return None


def _rows(dataset: Document) -> str | None:
    """The path of example rows: of the test rows, if there are any."""
    split = next((split for split in SPLITS[::-1] if dataset["splits"][split]), None)
    return None if split is None else f"/v1/datasets/{dataset['name']}/rows?split={split}&limit={MOST_ROWS}"


def _epochs(job_id: str) -> list[int]:
    """The epochs that have a snapshot, in order."""
    with suppress(NotFound):
        found = snapshots.list_page(context(), job_id, PageQuery(MOST_SNAPSHOTS)).items
        return sorted(view.snapshot.epoch for view in found)
    return []


def _epoch(epochs: list[int]) -> int | None:
    """The kept epoch that is nearest to that of the query; by default the latest."""
    wanted = whole_number("epoch", None)
    if not epochs:
        return None
    return epochs[-1] if wanted is None else min(epochs, key=lambda epoch: abs(epoch - wanted))
