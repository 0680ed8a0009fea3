"""`/v1/models/{name}/labels`."""

from functools import partial
from typing import Any

from service.api.contract.blueprint import LOCATION_HEADER, Blueprint
from service.api.contract.schemas.versions import LabelListQuery, LabelSchema, LabelTargetSchema, OfModel
from service.api.http.links import MODELS, label_url
from service.api.http.paging import map_page
from service.api.http.path_names import require_name
from service.api.http.state import context
from service.operations.catalog import versions
from service.storage.paging import Page, PageQuery

LABELS = f"{MODELS}/<name>/labels"

blueprint = Blueprint("labels", __name__, description="Names that point to versions and can be moved.")


@blueprint.get(LABELS)
@blueprint.lists(LabelSchema)
@blueprint.query(LabelListQuery)
def list_labels(query: PageQuery, name: str) -> Page[Any]:
    """List the labels of a model.

    Each has the number of the version that it points to.
    """
    return map_page(partial(OfModel, name), versions.labels_page(context(), name, query))


@blueprint.get(f"{LABELS}/<label>")
@blueprint.resource(LabelSchema)
@blueprint.ignores_query
def get_label(name: str, label: str) -> OfModel:
    """Get a label.

    The response has the number of the version that it points to.
    """
    return OfModel(name, versions.get_label(context(), name, label))


@blueprint.put(f"{LABELS}/<label>")
@blueprint.resource(LabelSchema)
@blueprint.alt_response(201, schema=LabelSchema, description="The label was created.", headers=LOCATION_HEADER)
@blueprint.arguments(LabelTargetSchema)
def put_label(target: dict[str, Any], name: str, label: str) -> Any:
    """Point a label to a version, or to a variant of it.

    Creates the label (201) or moves it (200). From now on, predictions by this label use the new version. With
    `If-None-Match: *`, an existing label isn't moved. If the variant is still being made, the response is 409.
    """
    require_name("label", label)
    record, is_new = versions.put_label(context(), name, label, target["version"], target["variant"])
    return OfModel(name, record), 201 if is_new else 200, {"Location": label_url(name, label)} if is_new else {}


@blueprint.delete(f"{LABELS}/<label>")
@blueprint.deletes
def delete_label(name: str, label: str) -> None:
    """Delete a label.

    The version that it points to stays. If the model serves the label, the response is 409.
    """
    versions.delete_label(context(), name, label)
