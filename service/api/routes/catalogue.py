"""The types that a model's spec can use: `/v1/layer-types`, `/v1/optimizer-types` and so on."""

from typing import Any

from models.catalogue import load_catalogue
from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.operations import ComponentTypesSchema

blueprint = Blueprint(
    "catalogue", __name__, description="The types that a model's spec can use, with their parameters."
)


def _list(*kinds: str) -> Any:
    return {"items": [entry.to_document() for kind in kinds for entry in load_catalogue().entries(kind)]}


@blueprint.get("/v1/layer-types")
@blueprint.resource(ComponentTypesSchema)
def list_layer_types() -> Any:
    """List the types of layers, and of the cells for the layer RNN.

    Names, parameters and defaults are those of Keras. Each parameter has its type, range and description.
    """
    return _list("layer", "cell")


@blueprint.get("/v1/optimizer-types")
@blueprint.resource(ComponentTypesSchema)
def list_optimizer_types() -> Any:
    """List the types of optimizers.

    They are the values for `optimizer` of a model or a training job. Names, parameters and defaults are those of Keras.
    """
    return _list("optimizer")


@blueprint.get("/v1/loss-types")
@blueprint.resource(ComponentTypesSchema)
def list_loss_types() -> Any:
    """List the types of losses.

    They are the values for `loss` of a model. Names, parameters and defaults are those of Keras.
    """
    return _list("loss")


@blueprint.get("/v1/metric-types")
@blueprint.resource(ComponentTypesSchema)
def list_metric_types() -> Any:
    """List the types of metrics.

    They are the values for `metrics` of a model. Names, parameters and defaults are those of Keras.
    """
    return _list("metric")


@blueprint.get("/v1/activation-types")
@blueprint.resource(ComponentTypesSchema)
def list_activation_types() -> Any:
    """List the types of activations.

    They are the values for `activation` of a layer. Names and defaults are those of Keras.
    `GET /v1/activation-types/NAME/curve` draws one.
    """
    return _list("activation")
