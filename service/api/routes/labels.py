"""`/v1/models/{name}/labels`."""

from functools import partial
from typing import Any

from service.api.blueprint import Blueprint
from service.api.links import MODELS, label_url
from service.api.paging import map_page
from service.api.path_names import require_name
from service.api.schemas.versions import LabelListQuery, LabelSchema, LabelTargetSchema, OfModel
from service.api.state import context
from service.operations import versions
from service.storage.paging import Page, PageQuery

LABELS = f"{MODELS}/<name>/labels"

blueprint = Blueprint("labels", __name__, description="Names for versions, which can be moved.")


@blueprint.get(LABELS)
@blueprint.lists(LabelSchema)
@blueprint.query(LabelListQuery)
def list_labels(query: PageQuery, name: str) -> Page[Any]:
    """List the labels of a model."""
    return map_page(partial(OfModel, name), versions.labels_page(context(), name, query))


@blueprint.get(f"{LABELS}/<label>")
@blueprint.resource(LabelSchema)
def get_label(name: str, label: str) -> OfModel:
    """Get a label."""
    return OfModel(name, versions.get_label(context(), name, label))


@blueprint.put(f"{LABELS}/<label>")
@blueprint.resource(LabelSchema)
@blueprint.alt_response(201, schema=LabelSchema, description="The label is new.")
@blueprint.arguments(LabelTargetSchema)
def put_label(target: dict[str, Any], name: str, label: str) -> Any:
    """Point a label to a version."""
    require_name("label", label)
    record, is_new = versions.put_label(context(), name, label, target["version"])
    return OfModel(name, record), 201 if is_new else 200, {"Location": label_url(name, label)} if is_new else {}


@blueprint.delete(f"{LABELS}/<label>")
@blueprint.deletes
def delete_label(name: str, label: str) -> None:
    """Delete a label."""
    versions.delete_label(context(), name, label)
