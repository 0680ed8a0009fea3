"""The pages of models: the list, a model with its versions, and a version."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Response, request

from models.datasets import SOURCES
from models.jobs.variant import VARIANT_TYPES, VariantRequest
from models.model_files.formats import ModelFormat
from models.numeric_inputs import have_boundary
from models.spec import Scaling, Task
from service import statuses
from service.api.contract.schemas.datasets import DatasetSchema
from service.api.contract.schemas.models import ModelItemSchema, ModelSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.variants import VariantJobSchema, VariantSchema
from service.api.contract.schemas.versions import OfModel, VersionSchema
from service.api.http.links import MODELS
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.client_code import format_json
from service.api.ui.code import code_of
from service.api.ui.formatting import query
from service.api.ui.posted import inputs_of, job_document, model_document
from service.api.ui.result_pictures import evaluation_pictures
from service.errors import NotFound
from service.operations.catalog import datasets, models, variants, versions
from service.operations.catalog.versions import UnfinishedVersion
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.operations.jobs.kinds import variant as variant_jobs
from service.storage.paging import PageQuery
from service.storage.records import Version

PER_PAGE, MOST_JOBS, MOST_LAYERS, MOST_COLUMNS, MOST_CLASSES = 20, 10, 100, 100, 100
CHAMPION = "champion"

Document = dict[str, Any]


class Picture(NamedTuple):
    """A picture of a version: what it shows, and its path."""

    what: str
    path: str


blueprint = page_blueprint(__name__)


@page(blueprint, "/models")
def model_list() -> Response:
    """The list of models."""
    found = models.list_page(context(), PageQuery(PER_PAGE, cursor=request.args.get("cursor")))
    shown = ModelItemSchema(many=True).dump(found.items)
    return show(
        "models.html",
        "models",
        models=shown,
        pointed=variants_of_labels(shown),
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
    latest = None if found["latest_version"] is None else versions.get(context(), name, found["latest_version"])
    return show(
        "model.html",
        "models",
        model=found,
        inputs=list(_inputs(found)),
        versions=VersionSchema(many=True).dump([OfModel(name, version) for version in listed.items]),
        labels_of=_labels_of(found),
        pointed=variants_of_labels([found])[found["id"]],
        champion=CHAMPION,
        jobs=shown_jobs,
        most_jobs=MOST_JOBS,
        pictures=[] if latest is None else list(_pictures(name, latest, found["task"])),
        code=_code(found, shown_jobs),
        most_layers=MOST_LAYERS,
        most_columns=MOST_COLUMNS,
        following=query(cursor=listed.next_cursor),
        is_first="cursor" not in request.args,
    )


@page(blueprint, "/models/<name>/versions/<number:version>")
def version_page(name: str, version: int) -> Response:
    """A version."""
    found = ModelSchema().dump(models.get(context(), name))
    record = versions.get(context(), name, version)
    shown = VersionSchema().dump(OfModel(name, record))
    return show(
        "model-version.html",
        "models",
        model=found,
        shown=shown,
        labels=_labels_of(found).get(version, []),
        pointed=variants_of_labels([found])[found["id"]],
        variants=list(_variants(name, version)) if shown["servable"] else [],
        variant_types=VARIANT_TYPES,
        max_drop=VariantRequest().max_accuracy_drop,
        champion=CHAMPION,
        inputs=[(one["name"], one) for one in shown["inputs"]],
        pictures=list(_pictures(name, record, found["task"])),
        most_columns=MOST_COLUMNS,
        most_classes=MOST_CLASSES,
    )


def _inputs(found: Document) -> Iterator[tuple[str, Document]]:
    """The inputs of a model by name, each with its scaling."""
    return ((name, {"scaling": Scaling.NONE.value, **one}) for name, one in inputs_of(found).items())


def _labels_of(found: Document) -> dict[int, list[str]]:
    """The labels of each version that has any."""
    by_version: dict[int, list[str]] = {}
    for label, number in found["labels"].items():
        by_version.setdefault(number, []).append(label)
    return by_version


def variants_of_labels(shown: Collection[Document]) -> dict[str, dict[str, str]]:
    """The variant to which each label of the models points that points to one, by the model's id."""
    return versions.variants_of_labels(context(), [model["id"] for model in shown])


def _variants(name: str, version: int) -> Iterator[Document]:
    """The variants of a version, each with its unfinished or failed job as `latest_job`, or none."""
    for view in variants.list_page(context(), name, version, PageQuery(PER_PAGE)).items:
        job = None if view.job is None else client_jobs.get(context(), variant_jobs.KIND, view.job.id)
        latest = None if job is None else VariantJobSchema().dump(job)
        yield VariantSchema().dump(view) | {"latest_job": latest}


def _pictures(name: str, record: Version | UnfinishedVersion, task: str) -> Iterator[Picture]:
    """The pictures that there are of a version."""
    if isinstance(record, UnfinishedVersion):
        return
    path = f"{MODELS}/{name}/versions/{record.number}"
    if record.evaluation_id is not None:
        yield from map(Picture._make, evaluation_pictures(record.evaluation_id, is_regression=task == Task.REGRESSION))
    if record.servable and have_boundary(record.details.inputs):
        yield Picture("boundary", f"{path}/boundary")
    if record.servable and record.dataset_name is not None and _exists(record.dataset_name):
        yield Picture("samples", f"{path}/samples")
    if record.source is None or record.source["format"] != ModelFormat.ONNX:
        yield Picture("filters", f"{path}/filters")


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
