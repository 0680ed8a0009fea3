"""`/v1/models`."""

from typing import Any

from flask import Response

from service import statuses
from service.api.contract.blueprint import TEXT, Blueprint, created, found
from service.api.contract.schemas.model_imports import ImportModelSchema
from service.api.contract.schemas.models import (
    CreateModelSchema,
    ModelChangesSchema,
    ModelItemSchema,
    ModelListQuery,
    ModelSchema,
    NewModelQuery,
    SummarySchema,
)
from service.api.http.errors import InvalidQuery, RequestFault
from service.api.http.handoff import Wait
from service.api.http.idempotency import current_claim
from service.api.http.links import MODELS, model_url
from service.api.http.media_types import JSON, PLAIN
from service.api.http.negotiation import choose
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.operations.catalog import model_imports, models
from service.operations.catalog.model_inputs import find_import
from service.operations.catalog.models import ModelView
from service.storage.paging import Page, PageQuery
from service.storage.records import Model

blueprint = Blueprint("models", __name__, description="Specs of networks.")


@blueprint.post(MODELS)
@blueprint.creates(ModelSchema)
@blueprint.alt_response(200, schema=ModelSchema, description="A dry run: nothing was created.")
@blueprint.arguments_or_form(CreateModelSchema, ImportModelSchema)
@blueprint.query(NewModelQuery)
def create_model(document: dict[str, Any], query: dict[str, Any]) -> Any:
    """Create a model from a spec, or from the file of a network in a form.

    A worker builds the network, or reads it from the file, before the model becomes `ready`. If a layer doesn't fit or
    the file is invalid, the response is 422 with a pointer, and nothing is created. With `dry_run`, nothing is created,
    even if the spec is valid. If an input names a dataset that is `processing`, the request waits for the dataset
    first; one wait covers both. A model from a file has a version 1, which you can predict with.
    """
    if "file" in document:
        return _import_model(document, query)
    importing = find_import(context(), document)
    if query["dry_run"]:
        return show_after(importing, lambda: _try_model(document), default=models.DRY_RUN_SECONDS)
    wait = context().settings.model_wait_seconds
    return show_after(
        importing, lambda: _show_created(*models.create(context(), document, current_claim()), wait), default=wait
    )


def _try_model(document: dict[str, Any]) -> Any:
    model, job_id = models.begin_dry_run(context(), document)
    raise Wait(job_id, models.DRY_RUN_SECONDS, lambda: (models.end_dry_run(context(), model, job_id), 200))


def _import_model(form: dict[str, Any], query: dict[str, Any]) -> Any:
    if query["dry_run"]:
        detail = '"dry_run" is for specs in JSON: a file is always imported.'
        raise InvalidQuery(detail, [RequestFault(detail, parameter="dry_run")])
    wait = context().settings.model_wait_seconds
    return _show_created(*model_imports.create(context(), form, current_claim()), wait)


def _show_created(model: Model, job_id: str, wait: float) -> Any:
    def show() -> Any:
        view = models.created(context(), model)
        return created(view, model_url(model.name), finished=view.model.status != statuses.BUILDING)

    return show_after(job_id, show, default=wait)


@blueprint.get(MODELS)
@blueprint.lists(ModelItemSchema)
@blueprint.query(ModelListQuery)
def list_models(query: PageQuery) -> Page[ModelView]:
    """List models.

    Newest first by default. The items omit `layers`, `summary` and `model_version_status`.
    """
    return models.list_page(context(), query)


@blueprint.get(f"{MODELS}/<name>")
@blueprint.finds(ModelSchema)
@blueprint.ignores_query
def get_model(name: str) -> Any:
    """Get a model.

    The response has the spec as in the request and a summary of the network. `Prefer: wait=N` waits while the model is
    `building`. For clients of TensorFlow Serving, `model_version_status` lists the newest 100 versions.
    """

    def show() -> Any:
        view = models.get(context(), name)
        return found(view, finished=view.model.status != statuses.BUILDING)

    return show_after(models.find_build(context(), name), show)


@blueprint.patch(f"{MODELS}/<name>")
@blueprint.resource(ModelSchema)
@blueprint.arguments(ModelChangesSchema)
def change_model(changes: dict[str, Any], name: str) -> Any:
    """Change a model's description, metadata or the label that it serves.

    The body is a merge patch (RFC 7396): omitted fields stay. To change anything else, create another model.
    """
    return models.change(context(), name, changes)


@blueprint.delete(f"{MODELS}/<name>")
@blueprint.deletes
def delete_model(name: str) -> None:
    """Delete a model with its versions and labels.

    Jobs stay, with null as `links.model`. If an unfinished job uses the model, the response is 409.
    """
    models.delete(context(), name)


@blueprint.get(f"{MODELS}/<name>/summary")
@blueprint.response(200, SummarySchema)
@blueprint.alt_response(200, schema=TEXT, content_type=PLAIN)
def get_summary(name: str) -> Any:
    """Get the layers, output shapes and parameters of a model.

    `Accept` selects the format: `application/json`, or `text/plain` for the table that Keras prints.
    """
    wanted = choose(JSON, PLAIN)
    model = models.get_built(context(), name)
    return Response(model.summary_text, mimetype=PLAIN) if wanted == PLAIN else model.summary
