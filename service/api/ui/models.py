"""The pages of models: the list, a model with its versions, and a version."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Response, request

from models.datasets import SOURCES
from models.spec import SINGLE_INPUT, Scaling
from service import statuses
from service.api.contract.schemas.datasets import DatasetSchema
from service.api.contract.schemas.models import ModelItemSchema, ModelSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.versions import OfModel, VersionSchema
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.client_code import format_json
from service.api.ui.code import code_of
from service.api.ui.formatting import query
from service.api.ui.posted import job_document, model_document
from service.errors import NotFound
from service.operations.catalog import datasets, models, versions
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.storage.paging import PageQuery

PER_PAGE, MOST_JOBS, MOST_LAYERS, MOST_COLUMNS, MOST_CLASSES = 20, 10, 100, 100, 100
CHAMPION = "champion"
MOST_DRAWN = 2
"""The numbers of a row, at most, for which the prediction can be drawn as a curve or a plane."""
NUMBER = "number"

Document = dict[str, Any]

blueprint = page_blueprint(__name__)


@page(blueprint, "/models")
def model_list() -> Response:
    """The list of models."""
    found = models.list_page(context(), PageQuery(PER_PAGE, cursor=request.args.get("cursor")))
    return show(
        "models.html",
        "models",
        models=ModelItemSchema(many=True).dump(found.items),
        champion=CHAMPION,
        following=query(cursor=found.next_cursor),
        is_first="cursor" not in request.args,
    )


@page(blueprint, "/models/<name>")
def model(name: str) -> Response:
    """A model with a page of its versions."""
    found = ModelSchema().dump(models.get(context(), name))
    listed = versions.list_page(context(), name, PageQuery(PER_PAGE, cursor=request.args.get("cursor")))
    jobs = client_jobs.list_page(context(), training.KIND, PageQuery(MOST_JOBS, filters={"model": name}))
    shown_jobs = TrainingJobSchema(many=True).dump(jobs.items)
    latest = None if found["latest_version"] is None else _version(name, found["latest_version"])
    return show(
        "model.html",
        "models",
        model=found,
        inputs=list(_inputs(found)),
        versions=VersionSchema(many=True).dump([OfModel(name, version) for version in listed.items]),
        labels_of=_labels_of(found),
        champion=CHAMPION,
        jobs=shown_jobs,
        most_jobs=MOST_JOBS,
        latest=latest,
        pictures=[] if latest is None else list(_pictures(name, latest, found["task"])),
        code=_code(found, shown_jobs),
        most_layers=MOST_LAYERS,
        most_columns=MOST_COLUMNS,
        following=query(cursor=listed.next_cursor),
        is_first="cursor" not in request.args,
    )


@page(blueprint, "/models/<name>/versions/<number:number>")
def version(name: str, number: int) -> Response:
    """A version."""
    found = ModelSchema().dump(models.get(context(), name))
    shown = _version(name, number)
    return show(
        "model-version.html",
        "models",
        model=found,
        shown=shown,
        labels=_labels_of(found).get(number, []),
        champion=CHAMPION,
        inputs=[(one["name"], one) for one in shown["inputs"]],
        pictures=list(_pictures(name, shown, found["task"])),
        most_columns=MOST_COLUMNS,
        most_classes=MOST_CLASSES,
    )


def _version(name: str, number: int) -> Document:
    found: Document = VersionSchema().dump(OfModel(name, versions.get(context(), name, number)))
    return found


def _inputs(found: Document) -> Iterator[tuple[str, Document]]:
    """The inputs of a model by name, each with its scaling."""
    inputs = {SINGLE_INPUT: found["input"]} if found.get("input") else found.get("inputs") or {}
    yield from ((name, {"scaling": Scaling.NONE.value, **one}) for name, one in inputs.items())


def _labels_of(found: Document) -> dict[int, list[str]]:
    """The labels of each version that has any."""
    by_version: dict[int, list[str]] = {}
    for label, number in found["labels"].items():
        by_version.setdefault(number, []).append(label)
    return by_version


def _pictures(name: str, version: Document, task: str) -> Iterator[tuple[str, str, int, int]]:
    """The pictures that there are of a version: what they show, their path, width and height."""
    if version["status"] != statuses.AVAILABLE:
        return
    path = f"/v1/models/{name}/versions/{version['version']}"
    evaluation = version["links"].get("evaluation")
    if evaluation is not None:
        # links are those of the client, behind a proxy too; pictures take the service's own paths
        own = evaluation[evaluation.index("/v1/") :]
        for kind in ("residuals",) if task == "regression" else ("confusion", "roc"):
            yield kind, f"{own}/{kind}", 600, 480
    has_rows = version["servable"] and version["dataset"] is not None and _exists(version["dataset"])
    if version["servable"] and _has_boundary(version["inputs"]):
        yield "boundary", f"{path}/boundary", 600, 480
    if has_rows:
        yield "samples", f"{path}/samples", 600, 480
    if version["source"] is None or version["source"]["format"] != "onnx":
        yield "filters", f"{path}/filters", 600, 480


def _has_boundary(inputs: list[Document]) -> bool:
    """Whether a row consists of one number or two."""
    if len(inputs) != 1 or "text" in inputs[0]:
        return False
    columns = inputs[0].get("columns")
    if columns is None:
        return math.prod(inputs[0]["shape"]) <= MOST_DRAWN
    return len(columns) <= MOST_DRAWN and all(column["type"] == NUMBER for column in columns)


def _exists(dataset: str) -> bool:
    with suppress(NotFound):
        return datasets.get(context(), dataset).dataset.status == statuses.READY
    return False


def _code(found: Document, jobs: list[Document]) -> dict[str, str]:
    """The model, with its newest training, as JSON and as code. Without layers there is only JSON."""
    posted = model_document(found)
    code = {"json": format_json(posted)}
    if not found["layers"] or found["optimizer"] is None or found["loss"] is None:
        return code
    documents = {"model": posted}
    job = next((job for job in jobs if job["dataset"] is not None), None)
    if job is not None:
        documents["training_job"] = job_document(job)
    return code | code_of(documents, found, None if job is None else _built_in(job["dataset"]))


def _built_in(dataset: str) -> Document | None:
    """The document of a dataset whose rows a script can load without the service."""
    with suppress(NotFound):
        shown: Document = DatasetSchema().dump(datasets.get(context(), dataset))
        source = SOURCES.get(shown["source"])
        if source is not None and not source.parameters:
            return {"name": dataset, "source": source.name}
    return None
