"""What a model's spec may name: `/v1/layer-types` and its like."""

from typing import Any

from models.catalogue import load_catalogue
from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.operations import ComponentTypesSchema

blueprint = Blueprint("catalogue", __name__, description="What a model's spec may name, with every parameter.")


def _list(*kinds: str) -> Any:
    return {"items": [entry.to_document() for kind in kinds for entry in load_catalogue().entries(kind)]}


@blueprint.get("/v1/layer-types")
@blueprint.resource(ComponentTypesSchema)
def list_layer_types() -> Any:
    """List the types of layers, and of the cells that the layer RNN takes.

    Names, parameters and defaults are Keras's own, each parameter with its type, range and description.
    """
    return _list("layer", "cell")


@blueprint.get("/v1/optimizer-types")
@blueprint.resource(ComponentTypesSchema)
def list_optimizer_types() -> Any:
    """List the types of optimizers.

    What `optimizer` of a model or a training job may be. Names, parameters and defaults are Keras's own.
    """
    return _list("optimizer")


@blueprint.get("/v1/loss-types")
@blueprint.resource(ComponentTypesSchema)
def list_loss_types() -> Any:
    """List the types of losses.

    What `loss` of a model may be. Names, parameters and defaults are Keras's own.
    """
    return _list("loss")


@blueprint.get("/v1/metric-types")
@blueprint.resource(ComponentTypesSchema)
def list_metric_types() -> Any:
    """List the types of metrics.

    What `metrics` of a model may have. Names, parameters and defaults are Keras's own.
    """
    return _list("metric")
