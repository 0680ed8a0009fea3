"""`/v1/activation-types/{name}/curve`."""

from typing import Any

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.pictures import ActivationCurveSchema
from service.operations.pictures.activation import describe

blueprint = Blueprint("activations", __name__, description="Activation functions as curves.")


@blueprint.get("/v1/activation-types/<activation>/curve")
@blueprint.picture("activation", ActivationCurveSchema)
def get_activation_curve(activation: str) -> Any:
    """Draw an activation function and its derivative.

    For functions of several numbers, such as softmax, one number varies and the others are constant; the description
    names their values.
    """
    return describe(activation)
